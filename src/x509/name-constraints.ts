import { equalBytes } from '../base/bytes.ts';
import type { Certificate } from './certificate.ts';
import { context, contextConstructed, DerCursor, tags } from './der-reader.ts';
import type { ConstraintTree, NameConstraints } from './extensions.ts';
import { parseIp } from './ip-address.ts';

/** One name of a certificate, in the form that its constraints speak of. */
interface ConstrainedName {
  readonly tag: number;
  readonly text: string;
  readonly octets: Uint8Array;
}

const uriTag = context(6);
const dnsTag = context(2);
const emailTag = context(1);
const ipTag = context(7);
const directoryTag = contextConstructed(4);
const none = new Uint8Array(0);

/**
 * The first name of `certificate` that `constraints` do not admit (RFC 5280 §4.2.1.10), or undefined. Kinds of
 * names or constraints that we do not compare are refused where both occur: never let through unread.
 */
export function findConstrainedName(
  constraints: NameConstraints,
  certificate: Certificate,
): string | undefined {
  for (const name of namesOf(certificate)) {
    const permitted = constraints.permitted.filter((tree) => tree.tag === name.tag);
    if (permitted.length > 0 && !permitted.some((tree) => isWithin(name, tree) === true)) return name.text;
    const excluded = constraints.excluded.filter((tree) => tree.tag === name.tag);
    if (excluded.some((tree) => isWithin(name, tree) !== false)) return name.text;
  }
  return undefined;
}

function namesOf(certificate: Certificate): ConstrainedName[] {
  const { san, subjectDer } = certificate;
  const names: ConstrainedName[] = [
    ...(san?.uris ?? []).map((text) => ({ tag: uriTag, text, octets: none })),
    ...(san?.dnsNames ?? []).map((text) => ({ tag: dnsTag, text, octets: none })),
    ...(san?.emails ?? []).map((text) => ({ tag: emailTag, text, octets: none })),
    ...(san?.ips ?? []).map((text) => ({ tag: ipTag, text, octets: parseIp(text) })),
  ];
  if (subjectDer.length > 2) names.push({ tag: directoryTag, text: 'the subject', octets: subjectDer });
  return names;
}

/** Whether the name is in the tree; undefined when we cannot tell, which counts against the certificate. */
function isWithin(name: ConstrainedName, tree: ConstraintTree): boolean | undefined {
  switch (name.tag) {
    case uriTag:
      return isUriWithin(name.text, latin1(tree.base));
    case dnsTag:
      return isHostWithin(name.text.toLowerCase(), latin1(tree.base).toLowerCase(), 'subdomains');
    case ipTag:
      return isIpWithin(name.octets, tree.base);
    case directoryTag:
      return isNameWithin(name.octets, tree.base);
    default:
      return undefined;
  }
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** A URI constraint names a host, or with a leading dot every host below it; it speaks of the authority only. */
function isUriWithin(uri: string, base: string): boolean | undefined {
  const host = /^[a-z][a-z0-9+.-]*:\/\/([^/?#@:[\]]+)(?:[/?#]|$)/i.exec(uri)?.[1]?.toLowerCase();
  if (host === undefined) return undefined;
  return isHostWithin(host, base.toLowerCase(), 'exact');
}

function isHostWithin(host: string, base: string, bare: 'exact' | 'subdomains'): boolean {
  if (base === '') return true;
  if (base.startsWith('.')) return host.endsWith(base) && host.length > base.length;
  return host === base || (bare === 'subdomains' && host.endsWith(`.${base}`));
}

/** Address and mask, 4 + 4 or 16 + 16 octets; the mask must be ones, then zeros. */
function isIpWithin(address: Uint8Array, base: Uint8Array): boolean | undefined {
  const half = base.length / 2;
  if (half !== 4 && half !== 16) return undefined;
  const bits = [...base.subarray(half)].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  if (!/^1*0*$/.test(bits)) return undefined;
  if (address.length !== half) return false;
  return address.every((octet, i) => ((octet ^ (base[i] as number)) & (base[half + i] as number)) === 0);
}

/** The subject begins with the tree's relative names, compared as they are encoded. */
function isNameWithin(subjectDer: Uint8Array, base: Uint8Array): boolean | undefined {
  try {
    const wanted = new DerCursor(base).enter(tags.sequence, 'the name');
    const found = new DerCursor(subjectDer).enter(tags.sequence, 'the name');
    while (!wanted.atEnd) {
      if (found.atEnd) return false;
      if (!equalBytes(wanted.raw(wanted.next('a part')), found.raw(found.next('a part')))) return false;
    }
    return true;
  } catch {
    return undefined;
  }
}
