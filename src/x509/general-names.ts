import {
  context,
  contextConstructed,
  type DerCursor,
  derError,
  latin1,
  oidText,
  type Tlv,
  tags,
} from './der-reader.ts';
import { type BackwardWriter, derValue } from './der-writer.ts';
import { formatIp, parseIp } from './ip-address.ts';
import { maxSanEntries } from './limits.ts';

/** A subjectAltName by kind, in order within each kind. `others` counts the kinds that have no use here. */
export interface GeneralNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
  readonly emails: readonly string[];
  readonly others: number;
}

export interface SubjectAltName extends GeneralNames {
  readonly critical: boolean;
}

/** Reads GeneralNames (RFC 5280 §4.2.1.6) from the DER, never from printed text (C39). At most 64 names. */
export function readGeneralNames(names: DerCursor): GeneralNames {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  const ips: string[] = [];
  const emails: string[] = [];
  let others = 0;
  let count = 0;
  while (!names.atEnd) {
    const name = names.next('a name');
    if (++count > maxSanEntries) throw derError(`more than ${maxSanEntries} names`, name.start);
    if (name.tag === context(6)) uris.push(readAscii(names, name));
    else if (name.tag === context(2)) dnsNames.push(readAscii(names, name));
    else if (name.tag === context(1)) emails.push(readAscii(names, name));
    else if (name.tag === context(7)) ips.push(readIp(names, name));
    else {
      checkOtherName(names, name);
      others++;
    }
  }
  if (count === 0) throw derError('an empty list of names', 0);
  return { uris, dnsNames, ips, emails, others };
}

/** otherName, x400Address, directoryName and ediPartyName are constructed; registeredID is an OID. */
function checkOtherName(names: DerCursor, name: Tlv): void {
  if ([0, 3, 4, 5].some((n) => name.tag === contextConstructed(n))) return;
  if (
    name.tag === context(8) &&
    name.end > name.valueStart &&
    oidText(names.bytes, name.valueStart, name.end) !== ''
  )
    return;
  throw derError('an unknown kind of name', name.start);
}

/** Visible ASCII only: control characters, NUL first of all, have split names from what was shown (C30). */
function readAscii(names: DerCursor, name: Tlv): string {
  if (name.end === name.valueStart) throw derError('an empty name', name.start);
  for (let i = name.valueStart; i < name.end; i++) {
    const c = names.bytes[i] as number;
    if (c < 0x20 || c > 0x7e)
      throw derError('a name with characters that are not printable ASCII', name.start);
  }
  return latin1(names.bytes, name.valueStart, name.end);
}

function readIp(names: DerCursor, name: Tlv): string {
  const octets = names.value(name);
  if (octets.length !== 4 && octets.length !== 16)
    throw derError('an IP address of a bad length', name.start);
  return formatIp(octets);
}

/** Writes GeneralNames as they will be read: the URI first, then DNS names, then addresses. */
export function putGeneralNames(
  out: BackwardWriter,
  names: {
    readonly uri?: string;
    readonly dnsNames?: readonly string[] | undefined;
    readonly ips?: readonly string[] | undefined;
  },
): void {
  const end = out.length;
  for (const ip of names.ips?.toReversed() ?? []) out.put(derValue(context(7), parseIp(ip)));
  for (const name of names.dnsNames?.toReversed() ?? []) putText(out, context(2), name);
  if (names.uri !== undefined) putText(out, context(6), names.uri);
  out.wrap(tags.sequence, end);
}

function putText(out: BackwardWriter, tag: number, text: string): void {
  const end = out.length;
  out.putAscii(text);
  out.wrap(tag, end);
}
