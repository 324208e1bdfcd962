export { type AgentAlarm, AgentAlarms } from './alarms.ts';
export { attestWorkload, type WorkloadAttestor, type WorkloadPeer } from './attestation.ts';
export { type AnswerFault, checkAnswer } from './check-answer.ts';
export { Entitlements, type NearMiss } from './entitlement.ts';
export { agentErrors } from './errors.ts';
export { JwtSvids, maxAudiences, type ValidatedJwtSvid, validateJwtSvid } from './jwt-svids.ts';
export { NodeAgent, type NodeAgentParts } from './node-agent.ts';
export { NodeIdentityKeeper, type NodeIdentityParts } from './node-identity.ts';
export { NodeSync, type NodeSyncParts } from './node-sync.ts';
export type {
  AgentMeter,
  Attested,
  CertificateRequest,
  CertificateSource,
  HeldCertificate,
  JwtSvidSource,
  KeyMaker,
  MintedJwtSvid,
  NewKey,
  NodeAttestation,
  NodeIdentity,
  NodeReport,
  NodeStore,
  ServerLink,
  SyncListener,
  SyncStream,
} from './ports.ts';
export { RefusalRing } from './refusal-ring.ts';
export { renewalAt, retryCap, retryDelay } from './renewal-plan.ts';
export { StateFeed } from './state-feed.ts';
export { SvidKeeper, type SvidKeeperParts, type WorkloadSvid } from './svid-keeper.ts';
export { UserShares } from './user-shares.ts';
export {
  type AgentBundle,
  type AgentRegistration,
  type AgentRevocations,
  type AppliedUpdate,
  applyUpdate,
  type NodeView,
  type RawBundle,
  type RawRegistration,
  type RawRevocations,
  type RawUpdate,
} from './view.ts';
export {
  type NamedJwtSvid,
  WorkloadAccess,
  type WorkloadAccessParts,
  type WorkloadCaller,
  type WorkloadFeeds,
  type WorkloadRefusal,
  type WorkloadSession,
} from './workload-access.ts';
export type { OfferedIdentity, ReadyState, WorkloadBundles, WorkloadState } from './workload-state.ts';
export { formatSelectors, type WorkloadSubscription, Workloads } from './workloads.ts';
