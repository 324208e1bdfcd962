import { asCastellanError, type CastellanError } from '../../base/errors.ts';
import type { CallerMethod } from '../../identity/index.ts';
import type { CallerAttestor, IssueOutcome, IssueReason } from './types.ts';

const attestorOf: Readonly<Record<CallerMethod, CallerAttestor>> = {
  client_cert: 'mtls',
  jwt: 'oidc',
  k8s_sat: 'k8s_sat',
  xfcc: 'xfcc',
  join_token: 'join_token',
  local: 'local',
};

export function attestor(method: CallerMethod | undefined): CallerAttestor {
  return method === undefined ? 'none' : attestorOf[method];
}

const reasonOfCode: Readonly<Record<string, IssueReason>> = {
  AUTHENTICATION_FAILED: 'unauthenticated',
  CREDENTIALS_DISAGREE: 'unauthenticated',
  IMPERSONATION_FAILED: 'impersonation_denied',
  KEY_REFUSED: 'key_refused',
  KEY_BLOCKED: 'key_refused',
  KEY_IS_ISSUER_KEY: 'key_refused',
  TTL_ERROR: 'lifetime_refused',
  CA_NOT_READY: 'not_ready',
  CERT_GEN_ERROR: 'sign_failed',
  SOURCE_RATE_LIMITED: 'rate_limited',
  IDENTITY_RATE_LIMITED: 'rate_limited',
  ISSUANCE_OVERLOADED: 'overloaded',
  STORE_OVERLOADED: 'overloaded',
};

const reasonOfKind: Readonly<Record<CastellanError['kind'], IssueReason>> = {
  invalid: 'csr_malformed',
  denied: 'csr_malformed',
  unauthenticated: 'unauthenticated',
  'not-found': 'internal_error',
  conflict: 'conflict',
  precondition: 'not_ready',
  exhausted: 'overloaded',
  unavailable: 'unavailable',
  timeout: 'deadline',
  cancelled: 'deadline',
  unsupported: 'internal_error',
  internal: 'internal_error',
};

const faults: ReadonlySet<IssueReason> = new Set([
  'not_ready',
  'unavailable',
  'sign_failed',
  'internal_error',
  'overloaded',
  'deadline',
]);

/** How a request that failed is counted. */
export function failureOutcome(error: unknown, by: CallerAttestor): IssueOutcome {
  const ours = asCastellanError(error);
  const reason = reasonOfCode[ours.code] ?? reasonOfKind[ours.kind];
  return { result: faults.has(reason) ? 'error' : 'denied', reason, attestor: by };
}
