export {
  type Attempt,
  type AuthenticationNote,
  type AuthenticationOutcome,
  type AuthenticationRules,
  authenticate,
} from './authenticate.ts';
export { type Bearer, joinTokenPrefix, readBearer } from './bearer.ts';
export {
  type CertificateStanding,
  clientCertificateAuthenticator,
  type Standing,
} from './client-certificate.ts';
export { type ClusterNames, clusterNames, resolveClusterId } from './cluster-names.ts';
export type {
  AuthenticationResult,
  Authenticator,
  Caller,
  CallerMethod,
  CallerNode,
  Evidence,
  TransportEvidence,
} from './evidence.ts';
export {
  decideImpersonation,
  type ImpersonationDecision,
  type ImpersonationRefusal,
  type ImpersonationRules,
  impersonationRules,
} from './impersonation.ts';
export {
  hashJoinToken,
  type JoinTokenRedeemer,
  type JoinTokenRedemption,
  joinTokenAuthenticator,
  mintJoinToken,
} from './join-token.ts';
export { type Account, type Instance, type NodeRegistry, RegistrationIndex } from './node-registry.ts';
export { entitledIdentities, mayBeRegistered, type Registration } from './registration.ts';
