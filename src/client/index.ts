/**
 * For Node programs that have an identity: X.509-SVIDs and JWT-SVIDs over the SPIFFE Workload API of any agent, kept
 * current, and mutual TLS with them.
 */
export { type CastellanError, isCastellanError } from '../base/errors.ts';
export { parseTrustDomain, SpiffeId, type TrustDomain } from '../spiffe/index.ts';
export { endpointVariable } from './endpoint.ts';
export { clientErrors } from './errors.ts';
export { type Authorize } from './judge-peer.ts';
export { JwtSource, type JwtSvid, type ValidJwtSvid } from './jwt-source.ts';
export type { SourceOptions } from './options.ts';
export {
  connectOptions,
  createMtlsServer,
  MtlsAgent,
  type MtlsOptions,
  type MtlsServerOptions,
  secureContextOptions,
} from './tls.ts';
export type { X509Context, X509Svid } from './x509-context.ts';
export { X509Source, type X509SourceOptions } from './x509-source.ts';
