/**
 * The policy engine's public face. The functions:
 *
 *     compile(resources, settings, previous?) → PolicySnapshot
 *     compileSteps(resources, settings, options?) → Generator<void, PolicySnapshot>   (yields every ~2 ms of work, D24)
 *     evaluate(snapshot, request) → Decision
 *     explain(snapshot, request) → Explanation
 *     providersNeeded(snapshot, request) → names of CUSTOM providers whose answers `evaluate` will want (D17)
 *     locateTokens(snapshot, request) → LocatedToken[];  verifyRequestTokens(snapshot, request, keySets, now)
 *     effectivePeerAuthentication(snapshot, workload, port?); policiesFor(snapshot, workload)
 *     identitiesFor(snapshot, host); diffSnapshots(before, after)
 */

export { type CompileOptions, compile, compileSteps } from './compile/steps.ts';
export type {
  Decision,
  DecisionReason,
  DenyResponse,
  Effects,
  MatchedRule,
  Outcome,
  PolicyKind,
  PolicyRef,
  RequestIdentity,
  ShadowDecision,
  ShadowResult,
  Stage,
} from './decision.ts';
export { decisionReasons, stages } from './decision.ts';
export { type DiffEntry, type DiffOptions, diffSnapshots, type SnapshotDiff } from './diff/diff.ts';
export { policyErrors } from './errors.ts';
export { evaluate, providersNeeded } from './evaluate/evaluate.ts';
export { type LocatedToken, locateTokens } from './evaluate/locate-tokens.ts';
export { type KeySetSource, knownRequestTokens, verifyRequestTokens } from './evaluate/verify-tokens.ts';
export { changeResources } from './explain/change-policy.ts';
export { changeRequest } from './explain/change-request.ts';
export { explain } from './explain/explain.ts';
export { inOwnWords } from './explain/own-words.ts';
export { clauseWords, isNegated } from './explain/sentence.ts';
export type {
  ClauseTrace,
  EffectivePeerAuthentication,
  EntryTrace,
  Explanation,
  NearestMiss,
  PolicyChange,
  PolicySuggestion,
  PolicyTrace,
  RequestChange,
  RequestRuleRef,
  RequestSuggestion,
  RuleTrace,
  StageTrace,
  Suggestion,
  TokenTrace,
} from './explanation.ts';
export {
  type AppliedPolicy,
  effectivePeerAuthentication,
  effectivePeerAuthentications,
  identitiesFor,
  policiesFor,
  requestRules,
  requestRulesFor,
  type ServiceNames,
} from './query/queries.ts';
export type {
  AuthzRequest,
  ConnectionFacts,
  CustomResult,
  HeaderValue,
  HttpFacts,
  InvalidToken,
  JsonData,
  JsonFields,
  PeerProblem,
  PortProtocol,
  ProxyKind,
  ServiceRef,
  TlsKind,
  TokenFault,
  TokenPlace,
  TokenResult,
  ValidToken,
  WorkloadFacts,
} from './request.ts';
export type { DroppedRule, PolicySnapshot } from './snapshot.ts';
export type { CompilableResource, EngineSettings, MeshSettings } from './source.ts';
