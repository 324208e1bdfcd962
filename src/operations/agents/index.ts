export type { AgentBundle } from './agent-bundle.ts';
export {
  type AgentHolding,
  type AgentReport,
  AgentReports,
  type HeldSvid,
  type ShippedByNode,
} from './agent-reports.ts';
export { AgentSync } from './agent-sync.ts';
export {
  type AgentMetrics,
  type AttestedNode,
  type AttestNodeParts,
  type AttestNodeRequest,
  attestNode,
} from './attest-node.ts';
export { type AgentCaller, type AgentGate, authenticateAgent } from './authenticate-agent.ts';
export {
  type ChangeAgentOutcome,
  type ChangeAgentParts,
  type ChangeAgentRequest,
  changeAgent,
} from './change-agent.ts';
export { agentErrors } from './errors.ts';
export { TrustBundles } from './federated-bundles.ts';
export { type AgentView, type ListAgentsParts, listAgents } from './list-agents.ts';
export {
  type MintedJwtSvid,
  type MintJwtSvidParts,
  type MintJwtSvidRequest,
  mintJwtSvid,
} from './mint-jwt-svid.ts';
export { type RenewNodeParts, type RenewNodeRequest, renewNode } from './renew-node.ts';
export type { PolicyContent, RevocationContent, SyncAnswer, SyncPart } from './sync-content.ts';
export type { AgentSyncParts, FederatedBundles, PolicyForAgents } from './sync-ports.ts';
export type { SyncHello, SyncSession } from './sync-session.ts';
