import { DerCursor, derError, oidText, type Tlv, tags } from './der-reader.ts';
import { oidNames, oids } from './oids.ts';

/** One attribute of a distinguished name. */
export interface NameAttribute {
  readonly oid: string;
  readonly value: string;
}

const stringTags: ReadonlySet<number> = new Set([
  tags.utf8String,
  tags.printableString,
  tags.ia5String,
  tags.t61String,
  tags.bmpString,
  tags.universalString,
  tags.numericString,
  tags.visibleString,
]);

/** Reads a Name (RFC 5280 §4.1.2.4) whose bytes passed the gate. Values become text; empty values are kept. */
export function readName(bytes: Uint8Array): NameAttribute[] {
  const name = new DerCursor(bytes).enter(tags.sequence, 'a name');
  const attributes: NameAttribute[] = [];
  while (!name.atEnd) {
    const relative = name.enter(tags.set, 'a relative name');
    if (relative.atEnd) throw derError('an empty relative name', 0);
    while (!relative.atEnd) {
      const attribute = relative.enter(tags.sequence, 'a name attribute');
      const oid = attribute.expect(tags.oid, 'a name attribute type');
      const value = attribute.next('a name attribute value');
      if (!stringTags.has(value.tag)) throw derError('a name attribute that is no text', value.start);
      attribute.finish('a name attribute');
      attributes.push({ oid: oidText(bytes, oid.valueStart, oid.end), value: decodeText(bytes, value) });
    }
  }
  return attributes;
}

function decodeText(bytes: Uint8Array, tlv: Tlv): string {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset + tlv.valueStart, tlv.end - tlv.valueStart);
  if (tlv.tag === tags.utf8String) return content.toString('utf8');
  if (tlv.tag === tags.bmpString) return Buffer.from(content).swap16().toString('utf16le');
  if (tlv.tag !== tags.universalString) return content.toString('latin1');
  let text = '';
  for (let i = 0; i + 3 < content.length; i += 4) {
    const point = content.readUInt32BE(i);
    text += point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd';
  }
  return text;
}

export function hasCommonName(attributes: readonly NameAttribute[]): boolean {
  return attributes.some((attribute) => attribute.oid === oids.commonName && attribute.value !== '');
}

/** The common name of a subject that has exactly one. */
export function commonNameOf(nameDer: Uint8Array): string | undefined {
  const found = readName(nameDer).filter(({ oid }) => oid === oids.commonName);
  return found.length === 1 ? found[0]?.value : undefined;
}

/** A name for people, in the order it is written: `O=cluster.local, serialNumber=…`. For display only. */
export function formatName(bytes: Uint8Array): string {
  return readName(bytes)
    .map(({ oid, value }) => `${oidNames.get(oid) ?? oid}=${printable(value)}`)
    .join(', ');
}

function printable(text: string): string {
  return text
    .replace(/[\\,=+]/g, '\\$&')
    .replace(/[^\x20-\x7e]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}
