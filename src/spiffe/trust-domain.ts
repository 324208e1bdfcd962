import { spiffeErrors } from './errors.ts';

declare const trustDomainBrand: unique symbol;

/** A trust domain's name, as SPIFFE-ID §2.1 writes it: lower case, no scheme. Compare with `===`. */
export type TrustDomain = string & { readonly [trustDomainBrand]: true };

/** RFC 3986 limits a host to 255 bytes. */
export const maxTrustDomainBytes = 255;

const shape = /^[a-z0-9._-]+$/;

export function isTrustDomain(text: string): text is TrustDomain {
  return text.length <= maxTrustDomainBytes && shape.test(text);
}

/** Reads a bare trust domain name (ID-02, ID-05 … ID-10, ID-17); upper case is refused, never folded (ID-18). */
export function parseTrustDomain(text: string): TrustDomain {
  if (!isTrustDomain(text))
    throw spiffeErrors.TRUST_DOMAIN_MALFORMED({
      message: `not a trust domain name: \`${text.slice(0, 80)}\``,
    });
  return text;
}
