export { canonicalJson, type JsonRecord, type JsonValue } from './canonical.ts';
export { type AuditAction, type AuditActionSpec, auditCatalogue } from './catalogue.ts';
export {
  type Checkpoint,
  ed25519Signer,
  ed25519Verifier,
  formatCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from './checkpoint.ts';
export { Checkpointer, type CheckpointerOptions } from './checkpointer.ts';
export {
  type AuditRow,
  type AuditStamp,
  auditBody,
  chainEvent,
  emptyHead,
  genesisHash,
  readEntry,
} from './entry.ts';
export { type VerifyOptions, verifyAudit } from './verify.ts';
