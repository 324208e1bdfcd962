import type { SpiffeId } from '../../spiffe/index.ts';
import type { Csr } from '../../x509/index.ts';
import { csrErrors } from './errors.ts';

/** What a CSR asked for and does not get, for the audit note; undefined when there is nothing to say. */
export function droppedNames(
  csr: Csr,
  spiffeId: SpiffeId,
  grantedDnsNames: readonly string[],
): readonly string[] | undefined {
  const { requested } = csr;
  const dropped = [
    ...requested.uris.filter((uri) => uri !== spiffeId.uri).map((uri) => `uri:${uri}`),
    ...requested.dnsNames.filter((name) => !grantedDnsNames.includes(name)).map((name) => `dns:${name}`),
    ...requested.ips.map((ip) => `ip:${ip}`),
    ...requested.emails.map((email) => `email:${email}`),
    ...(requested.otherNames > 0 ? [`other names: ${requested.otherNames}`] : []),
    ...(requested.wantsCa ? ['the rights of an authority'] : []),
  ];
  return dropped.length === 0 ? undefined : dropped.slice(0, 16).map((text) => text.slice(0, 256));
}

/**
 * `csr.strict` (D1): C19 another SPIFFE ID, C20 a second URI, C21 any other name, C24 the rights of an authority are
 * refused, unless a registration grants the DNS name. Extensions that we build ourselves are left out either way.
 */
export function requireModestNames(csr: Csr, spiffeId: SpiffeId, grantedDnsNames: readonly string[]): void {
  const dropped = droppedNames(csr, spiffeId, grantedDnsNames);
  const isRepeated = csr.requested.uris.length > 1;
  if (dropped === undefined && !isRepeated) return;
  throw csrErrors.CSR_NAMES_REFUSED({
    cause: new Error(`asked for ${(dropped ?? ['two URIs']).join(', ')}`),
  });
}
