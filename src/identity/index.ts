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
export { identityErrors } from './errors.ts';
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
  fillIdentityTemplate,
  type IdentityTemplate,
  parseIdentityTemplate,
  type TemplateResult,
} from './identity-template.ts';
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
export { joinTokenNodeAttestor } from './join-token-node.ts';
export {
  type IdentityMapping,
  type JwtIssuer,
  type JwtIssuersOptions,
  jwtIssuer,
  jwtIssuersAuthenticator,
} from './jwt-issuers.ts';
export { type K8sSatNodeOptions, k8sSatNodeAttestor } from './k8s-sat-node.ts';
export type {
  AnyNodeAttestor,
  NodeAttestation,
  NodeAttestationCall,
  NodeAttestor,
  NodeEvidence,
} from './node-attestation.ts';
export { isNodeId, type NodeMethod, nodeId, nodeMethods } from './node-id.ts';
export { type Account, type Instance, type NodeRegistry, RegistrationIndex } from './node-registry.ts';
export { proofMessage, signProof, verifyProof } from './proof-of-possession.ts';
export { entitledIdentities, mayBeRegistered, type Registration } from './registration.ts';
export {
  type TokenReviewer,
  type TokenReviewOptions,
  type TokenReviewStatus,
  tokenReviewAuthenticator,
} from './token-review.ts';
export { type MachineName, x509PopNodeAttestor } from './x509-pop-node.ts';
export { type XfccOptions, xfccAuthenticator } from './xfcc.ts';
export {
  formatXfccElement,
  parseXfcc,
  type XfccElement,
  type XfccFault,
  type XfccKey,
  type XfccResult,
} from './xfcc-grammar.ts';
