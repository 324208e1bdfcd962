/** What we sign with and how: profiles, lifetimes, issuing, slots and their journal, the published bundle. */
export type { Authority, Issuance, IssueForKeyRequest, IssueOptions, IssueRequest } from './authority.ts';
export { authorityErrors } from './errors.ts';
export { defaultJwtSettings, type JwtSettings, type JwtSvid, type JwtSvidRequest } from './jwt-authority.ts';
export { istioLifetimes, type LifetimePolicy } from './lifetime.ts';
export {
  type AuthoritySettings,
  defaultLeafPolicy,
  initialiseAuthority,
  openAuthority,
  type PluggedSettings,
} from './open-authority.ts';
export type {
  AuthorityPorts,
  EphemeralKey,
  EphemeralKeys,
  JournalStore,
  KeyStore,
  KeyType,
  PluggedFiles,
  PluggedFilesSource,
  SerialSource,
} from './ports.ts';
export type { LeafPolicy } from './profile.ts';
export { defaultSelfManaged, openAuditSigner, type SelfManagedSettings } from './self-managed.ts';
export { randomSerials, serialShort } from './serial.ts';
export {
  defaultServingNames,
  openServingCertificate,
  type ServingCertificate,
  type ServingMaterial,
  type ServingOptions,
  serverId,
} from './serving-certificate.ts';
export type { Alarm } from './signing-state.ts';
export type { AuthorityRole, CertificateRole, SlotState } from './slot.ts';
export type { AuthorityCertificateStatus, AuthorityStatus } from './status.ts';
