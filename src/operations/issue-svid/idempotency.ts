import { hash } from 'node:crypto';
import { csrErrors } from './errors.ts';

/** A caller's wish to get the same certificate for the same request again (D8). */
export interface IdempotencyWish {
  /** SHA-256 of the key, lower-case hex: the key itself is kept nowhere. */
  readonly keyHash: string;
  readonly callerSubject: string;
  readonly csrSha256: string;
}

const keyShape = /^[\x21-\x7e]{1,128}$/;

/** Undefined when the caller wishes no such thing; throws IDEMPOTENCY_KEY_MALFORMED. */
export function readIdempotencyKey(values: readonly string[]): string | undefined {
  const [key] = values;
  if (key === undefined) return undefined;
  if (values.length > 1 || !keyShape.test(key)) throw csrErrors.IDEMPOTENCY_KEY_MALFORMED();
  return hash('sha256', key, 'hex');
}
