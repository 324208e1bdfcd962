/** What we sign with and how: profiles, lifetimes, issuing, slots and their journal, the published bundle. */
export type { Authority, Issuance, IssueForKeyRequest, IssueOptions, IssueRequest } from './authority.ts';
export type { RevocationList, RevokedLeaf } from './crl-keeper.ts';
export { authorityErrors } from './errors.ts';
export { compareRoots } from './journal.ts';
export { defaultJwtSettings, type JwtSettings, type JwtSvid, type JwtSvidRequest } from './jwt-authority.ts';
export { istioLifetimes, type LifetimePolicy } from './lifetime.ts';
export {
  type AuthoritySettings,
  defaultLeafPolicy,
  initialiseAuthority,
  openAuthority,
  type PluggedSettings,
} from './open-authority.ts';
export { type PluggedMaterial, parsePluggedMaterial } from './plugged-material.ts';
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
export type { RotationObserver } from './ports-rotation.ts';
export type { LeafPolicy } from './profile.ts';
export type { RotationLineStatus, RotationPhasePlan } from './rotation/describe.ts';
export type {
  Blocker,
  BundleReader,
  Gate,
  RotatingKey,
  RotationAction,
  UninformedHolder,
} from './rotation/model.ts';
export type { AuthorityVerdicts } from './rotation/verdicts.ts';
export type { AuthorityReach, RotationControl, RotationStatus, RotationWish } from './rotation-control.ts';
export type { RotationEvent } from './rotator.ts';
export { openAuditSigner } from './self-managed.ts';
export {
  defaultRotation,
  defaultSelfManaged,
  type RotationSettings,
  type SelfManagedSettings,
} from './self-managed-settings.ts';
export { randomSerials, serialShort } from './serial.ts';
export {
  defaultServingNames,
  openServingCertificate,
  type ServingCertificate,
  type ServingMaterial,
  type ServingOptions,
} from './serving-certificate.ts';
export type { Alarm } from './signing-state.ts';
export type { AuthorityRole, CertificateRole, SlotState } from './slot.ts';
export { authorityId } from './slot.ts';
export type { AuthorityCertificateStatus, AuthorityStatus } from './status.ts';
