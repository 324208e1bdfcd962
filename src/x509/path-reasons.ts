/** Every reason for which a path is refused. Closed: metrics and logs use these words. */
export const pathReasons = [
  'empty',
  'chain_too_long',
  'malformed',
  'key_refused',
  'not_one_uri',
  'not_a_spiffe_id',
  'no_path_in_id',
  'leaf_is_authority',
  'leaf_key_usage',
  'ext_key_usage',
  'unknown_critical_extension',
  'not_yet_valid',
  'expired',
  'unknown_trust_domain',
  'unknown_issuer',
  'bad_signature',
  'issuer_not_authority',
  'issuer_key_usage',
  'path_length',
  'name_constraints',
  'revoked',
  'revocation_unknown',
  'too_much_work',
] as const;

export type PathReason = (typeof pathReasons)[number];

/** Why something is refused, and a sentence for the operator. */
export interface Refusal {
  readonly ok: false;
  readonly reason: PathReason;
  readonly detail: string;
}

export const refusal = (reason: PathReason, detail: string): Refusal => ({ ok: false, reason, detail });
