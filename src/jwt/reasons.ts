/**
 * Every way a token can be refused: a closed list. The text is what Envoy's jwt_authn filter answers in the same case
 * (policy.md §2.3); cases that Envoy does not tell apart share the text of the nearest.
 */
export const jwtReasons = {
  'too-large': 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  'not-three-parts': 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  'header-base64': 'Jwt header is an invalid Base64url encoded',
  'header-json': 'Jwt header is an invalid JSON',
  'header-alg': 'Jwt header [alg] field is required and must be a string',
  'alg-not-allowed': 'Jwt header [alg] is not supported',
  'header-kid': 'Jwt header [kid] field is not a string',
  'header-unsupported': 'Jwt verification fails',
  'payload-base64': 'Jwt payload is an invalid Base64url encoded',
  'payload-json': 'Jwt payload is an invalid JSON',
  'iss-not-string': 'Jwt payload [iss] field is not a string',
  'sub-not-string': 'Jwt payload [sub] field is not a string',
  'jti-not-string': 'Jwt payload [jti] field is not a string',
  'iat-not-number': 'Jwt payload [iat] field is not an integer',
  'iat-not-positive': 'Jwt payload [iat] field is not a positive integer',
  'nbf-not-number': 'Jwt payload [nbf] field is not an integer',
  'nbf-not-positive': 'Jwt payload [nbf] field is not a positive integer',
  'exp-not-number': 'Jwt payload [exp] field is not an integer',
  'exp-not-positive': 'Jwt payload [exp] field is not a positive integer',
  'aud-not-string': 'Jwt payload [aud] field is not a string or string list',
  'signature-base64': 'Jwt signature is an invalid Base64url encoded',
  'unknown-issuer': 'Jwt issuer is not configured',
  'not-yet-valid': 'Jwt not yet valid',
  expired: 'Jwt is expired',
  'exp-missing': 'Jwt is expired',
  'audience-not-allowed': 'Audiences in Jwt are not allowed',
  'subject-not-spiffe-id': 'Jwt payload [sub] field is not a string',
  'no-matching-key': "Jwks doesn't have key to match kid or alg from Jwt",
  'signature-invalid': 'Jwt verification fails',
} as const;

export type JwtReason = keyof typeof jwtReasons;

/** What Envoy would say, e.g. `Jwt is expired`. */
export function describeJwtReason(reason: JwtReason): string {
  return jwtReasons[reason];
}

export interface RejectedJwt {
  readonly ok: false;
  readonly reason: JwtReason;
  /** For the operator, never for the caller; holds no part of the token but names of fields. */
  readonly detail: string;
}

export function reject(reason: JwtReason, detail: string): RejectedJwt {
  return { ok: false, reason, detail };
}
