/** How a certificate request can end, for the `reason` label: a closed list. */
export const csrReasons = [
  'issued',
  'unauthenticated',
  'impersonation_denied',
  'revoked',
  'csr_malformed',
  'key_refused',
  'lifetime_refused',
  'rate_limited',
  'overloaded',
  'not_ready',
  'unavailable',
  'sign_failed',
  'deadline',
  'conflict',
  'internal_error',
] as const;
export type CsrReason = (typeof csrReasons)[number];

/** How the caller was authenticated, for the `attestor` label: a closed list. */
export const attestors = ['mtls', 'oidc', 'k8s_sat', 'xfcc', 'join_token', 'local', 'none'] as const;
export type Attestor = (typeof attestors)[number];
