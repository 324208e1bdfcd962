import { expect } from 'vitest';
import { type Certificate, type PathOptions, type PathReason, validatePath } from '../../src/x509/index.ts';
import { makeAuthority, makeTestLeaf, type TestAuthority } from './certificate.ts';
import { testNow } from './pki.ts';

export const uri = 'spiffe://td.example/ns/shop/sa/cart';
export const root = makeAuthority('root');
export const middle = makeAuthority('middle', root);
export const leaf = makeTestLeaf(middle);

export const options = (
  more: Partial<PathOptions> & { roots?: readonly Certificate[] } = {},
): PathOptions => ({
  now: testNow,
  purpose: 'client',
  rootsFor: (td) => (td === 'td.example' ? (more.roots ?? [root.certificate]) : undefined),
  ...more,
});
export const validate = (chain: readonly Uint8Array[], more = {}) => validatePath(chain, options(more));
export const seen = new Set<PathReason>();
export const refuses = (chain: readonly Uint8Array[], reason: PathReason, more = {}) => {
  const result = validate(chain, more);
  expect(result).toMatchObject({ ok: false, reason });
  seen.add(reason);
};
export const accepts = (chain: readonly Uint8Array[], more = {}) =>
  expect(validate(chain, more)).toMatchObject({ ok: true });
export const below = (issuer: TestAuthority, parts: Parameters<typeof makeTestLeaf>[2] = {}) => [
  makeTestLeaf(issuer, uri, parts),
  issuer.certificate.der,
];
export const leafWith = (...extensions: Uint8Array[]) => [
  makeTestLeaf(middle, uri, { extensions }),
  middle.certificate.der,
];
