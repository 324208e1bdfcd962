import { checkDer } from './der-gate.ts';
import { context, contextConstructed, DerCursor, derError, oidText, tags } from './der-reader.ts';
import { type GeneralNames, readGeneralNames } from './general-names.ts';
import { certificateLimits, maxExtensions } from './limits.ts';

/** One extension as it stands: `value` is the DER inside the OCTET STRING. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export type KeyUsage =
  | 'digitalSignature'
  | 'contentCommitment'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign'
  | 'encipherOnly'
  | 'decipherOnly';

/** In the order of their bits (RFC 5280 §4.2.1.3). */
export const keyUsageBits: readonly KeyUsage[] = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
];

/** Reads `Extensions`; a cursor over its members. An extension that occurs twice is malformed (RFC 5280 §4.2). */
export function readExtensions(list: DerCursor): Extension[] {
  const found: Extension[] = [];
  while (!list.atEnd) {
    const member = list.enter(tags.sequence, 'an extension');
    const oid = member.expect(tags.oid, 'an extension type');
    const critical = member.optional(tags.boolean);
    if (critical !== undefined && member.bytes[critical.valueStart] === 0x00)
      throw derError('a default value that is written out', critical.start);
    const value = member.expect(tags.octetString, 'an extension value');
    member.finish('an extension');
    found.push({
      oid: oidText(member.bytes, oid.valueStart, oid.end),
      critical: critical !== undefined,
      value: member.value(value),
    });
    if (found.length > maxExtensions) throw derError(`more than ${maxExtensions} extensions`, oid.start);
  }
  if (found.length === 0) throw derError('an empty list of extensions', 0);
  return found;
}

/** The OID of an extension that occurs more than once. */
export function findDuplicate(extensions: readonly Extension[]): string | undefined {
  for (let i = 1; i < extensions.length; i++)
    for (let j = 0; j < i; j++) if (extensions[i]?.oid === extensions[j]?.oid) return extensions[i]?.oid;
  return undefined;
}

/** Opens an extension's value: it passes the gate itself, since to the outer gate it was opaque octets. */
function open(value: Uint8Array): DerCursor {
  checkDer(value, certificateLimits);
  return new DerCursor(value);
}

export interface BasicConstraints {
  readonly isCa: boolean;
  readonly pathLength?: number;
}

export function readBasicConstraints(value: Uint8Array): BasicConstraints {
  const body = open(value).enter(tags.sequence, 'basic constraints');
  const ca = body.optional(tags.boolean);
  if (ca !== undefined && value[ca.valueStart] === 0x00)
    throw derError('a default value that is written out', ca.start);
  const length = body.optional(tags.integer);
  body.finish('basic constraints');
  if (length === undefined) return { isCa: ca !== undefined };
  const octets = body.value(length);
  if (ca === undefined || octets.length > 2 || (octets[0] as number) >= 0x80)
    throw derError('a path length that makes no sense', length.start);
  return { isCa: true, pathLength: octets.reduce((sum, octet) => sum * 256 + octet, 0) };
}

export function readKeyUsage(value: Uint8Array): ReadonlySet<KeyUsage> {
  const cursor = open(value);
  const bits = cursor.value(cursor.expect(tags.bitString, 'key usage'));
  const unused = bits[0] as number;
  const usages = new Set<KeyUsage>();
  for (let bit = 0; bit < (bits.length - 1) * 8 - unused; bit++) {
    if (((bits[1 + (bit >> 3)] as number) & (0x80 >> (bit & 7))) === 0) continue;
    const usage = keyUsageBits[bit];
    if (usage === undefined) throw derError('a key usage that does not exist', 0);
    usages.add(usage);
  }
  // X.690 §11.2.2: trailing zero bits of a named bit list are not written; §4.2.1.3 wants at least one bit.
  const last = bits[bits.length - 1] as number;
  if (usages.size === 0 || ((last >> unused) & 1) === 0)
    throw derError('key usage not in its shortest form', 0);
  return usages;
}

export function readExtKeyUsage(value: Uint8Array): string[] {
  const list = open(value).enter(tags.sequence, 'extended key usage');
  const purposes: string[] = [];
  while (!list.atEnd) {
    const oid = list.expect(tags.oid, 'a key purpose');
    purposes.push(oidText(value, oid.valueStart, oid.end));
  }
  if (purposes.length === 0) throw derError('an empty extended key usage', 0);
  return purposes;
}

export function readSubjectKeyId(value: Uint8Array): Uint8Array {
  const cursor = open(value);
  return cursor.value(cursor.expect(tags.octetString, 'a subject key identifier'));
}

/** The keyIdentifier member, where there is one. */
export function readAuthorityKeyId(value: Uint8Array): Uint8Array | undefined {
  const body = open(value).enter(tags.sequence, 'an authority key identifier');
  const keyId = body.optional(context(0));
  const issuer = body.optional(contextConstructed(1));
  const serial = body.optional(context(2));
  body.finish('an authority key identifier');
  if ((issuer === undefined) !== (serial === undefined))
    throw derError('an authority key identifier with half a reference', 0);
  return keyId === undefined ? undefined : body.value(keyId);
}

export function readSubjectAltName(value: Uint8Array): GeneralNames {
  return readGeneralNames(open(value).enter(tags.sequence, 'alternative names'));
}

export interface NameConstraints {
  readonly permitted: readonly ConstraintTree[];
  readonly excluded: readonly ConstraintTree[];
}

/** The base of one subtree: the tag of its kind of name and its content octets. */
export interface ConstraintTree {
  readonly tag: number;
  readonly base: Uint8Array;
}

export function readNameConstraints(value: Uint8Array): NameConstraints {
  const body = open(value).enter(tags.sequence, 'name constraints');
  const permitted = body.optional(contextConstructed(0));
  const excluded = body.optional(contextConstructed(1));
  body.finish('name constraints');
  if (permitted === undefined && excluded === undefined) throw derError('empty name constraints', 0);
  return {
    permitted: permitted === undefined ? [] : readTrees(body.inside(permitted)),
    excluded: excluded === undefined ? [] : readTrees(body.inside(excluded)),
  };
}

/** RFC 5280 §4.2.1.10: minimum is 0 (so not written) and maximum absent; anything else is refused. */
function readTrees(list: DerCursor): ConstraintTree[] {
  const trees: ConstraintTree[] = [];
  while (!list.atEnd) {
    const tree = list.enter(tags.sequence, 'a name subtree');
    const base = tree.next('the base of a name subtree');
    tree.finish('a name subtree');
    trees.push({ tag: base.tag, base: tree.value(base) });
  }
  if (trees.length === 0) throw derError('an empty list of name subtrees', 0);
  return trees;
}
