import { isTrustDomain, SpiffeId, type TrustDomain } from '../../spiffe/index.ts';

/** What a name asks for, in the words of Istio (`default`, `ROOTCA`) and of SPIRE (the rest) (proxies.md §2.4). */
export type SecretName =
  | { readonly kind: 'default-svid' }
  | { readonly kind: 'svid'; readonly spiffeId: string }
  /** Roots of the own trust domain, as plain `trusted_ca`. */
  | { readonly kind: 'own-roots' }
  /** Every bundle of the workload, each for its own trust domain only. */
  | { readonly kind: 'all-bundles' }
  | { readonly kind: 'bundle'; readonly trustDomain: TrustDomain };

/** The words for what has no SPIFFE ID of its own. */
export interface SecretWords {
  readonly defaultCertificate: string;
  readonly ownRoots: string;
  readonly allBundles: string;
}

export const istioWords: SecretWords = Object.freeze({
  defaultCertificate: 'default',
  ownRoots: 'ROOTCA',
  allBundles: 'ALL',
});

/** Undefined for a name that means nothing here: it is waited for, as any name that does not exist yet. */
export function readSecretName(name: string, words: SecretWords): SecretName | undefined {
  if (name === words.defaultCertificate) return { kind: 'default-svid' };
  if (name === words.ownRoots) return { kind: 'own-roots' };
  if (name === words.allBundles) return { kind: 'all-bundles' };
  const id = SpiffeId.tryParse(name);
  if (id === undefined || !isTrustDomain(id.trustDomain)) return undefined;
  return id.path === ''
    ? { kind: 'bundle', trustDomain: id.trustDomain }
    : { kind: 'svid', spiffeId: id.uri };
}
