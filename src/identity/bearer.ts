import type { Evidence } from './evidence.ts';

/** How our own join tokens begin (D10). */
export const joinTokenPrefix = 'castellan_join_';

export type Bearer =
  | { readonly kind: 'none' }
  | { readonly kind: 'several' }
  /** `castellan_join_…`: for the join token authenticator and no other (D10). */
  | { readonly kind: 'join'; readonly token: string }
  | { readonly kind: 'token'; readonly token: string };

/** The scheme is `Bearer `, in exactly these letters, as Istio has it (A3); blanks around the token do not count. */
const scheme = 'Bearer ';

export function readBearer(evidence: Evidence): Bearer {
  const values = evidence.headers.authorization.filter((value) => value.startsWith(scheme));
  if (values.length > 1) return { kind: 'several' };
  const token = values[0]?.slice(scheme.length).trim() ?? '';
  if (token === '') return { kind: 'none' };
  return token.startsWith(joinTokenPrefix) ? { kind: 'join', token } : { kind: 'token', token };
}
