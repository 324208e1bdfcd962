/** `check-request`: what every door for proxies calls, and what it leans on. */
export type { ActivePolicy } from './active-policy.ts';
export {
  type AllowAnswer,
  type Answer,
  answerOf,
  type DenyAnswer,
  isFault,
  isOwnHeader,
  ownHeaders,
} from './answer.ts';
export { type CheckParts, CheckRequest } from './check-request.ts';
export { checkErrors } from './errors.ts';
export { contextKeys, type FoundWorkload, findWorkload } from './find-workload.ts';
export type { CheckOutcome, FoundBy } from './outcome.ts';
export { PeerIdentities, type PeerTrust, type PeerVerdict } from './peer-identity.ts';
export { protocolOf, protocolOfName } from './port-protocol.ts';
export type { CustomAuthorizer, DecidedCheck, DecisionObserver, RequestTokens } from './ports.ts';
export type { ProviderBody, ProviderCall } from './provider-call.ts';
export { ProviderCircuit, type ProviderCircuitOptions, type ProviderOutcome } from './provider-circuit.ts';
export {
  type BoundAsker,
  type DestinationRule,
  hashToken,
  type ProxyBinding,
  ProxyBindings,
} from './proxy-bindings.ts';
export type { Asker, CheckQuestion, DestinationClaim, Dialect, SentBody, SourceClaim } from './question.ts';
export { type KnownWorkload, WorkloadDirectory } from './workload-directory.ts';
