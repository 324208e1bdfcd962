/**
 * IP addresses and ranges as values, read strictly: no octal, short, hexadecimal or integer IPv4 forms, no zones, no
 * brackets. An IPv4-mapped IPv6 address (`::ffff:a.b.c.d`) is the IPv4 address it carries, so one address has one value.
 */

export interface IpAddress {
  readonly version: 4 | 6;
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  /** Canonical text (RFC 5952 for IPv6). */
  readonly text: string;
}

export interface Cidr {
  readonly network: IpAddress;
  readonly prefixLength: number;
  /** Canonical text with the host bits cleared, always with a length. */
  readonly text: string;
}

const longestIpText = 45;

/** Reads one address; undefined for anything else. */
export function parseIp(text: string): IpAddress | undefined {
  if (text.length > longestIpText) return undefined;
  const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  return bytes && ipFromBytes(bytes);
}

/** An address from its 4 or 16 bytes, e.g. of an iPAddress SAN; undefined for another length. */
export function ipFromBytes(raw: Uint8Array): IpAddress | undefined {
  if (raw.length === 4) return address(4, raw.slice());
  if (raw.length !== 16) return undefined;
  return isMapped(raw) ? address(4, raw.slice(12)) : address(6, raw.slice());
}

/** Reads `address/length`; host bits are cleared. Undefined without a length, or when malformed. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  if (slash === -1) return undefined;
  const lengthText = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return undefined;
  const addressText = text.slice(0, slash);
  const network = parseIp(addressText);
  if (network === undefined) return undefined;
  const mapped = network.version === 4 && addressText.includes(':');
  const prefixLength = Number(lengthText) - (mapped ? 96 : 0);
  if (prefixLength < 0 || prefixLength > network.bytes.length * 8) return undefined;
  return range(network, prefixLength);
}

/** As `parseCidr`, but a bare address is the range that holds only itself: Istio's `ipBlocks`. */
export function parseIpBlock(text: string): Cidr | undefined {
  if (text.includes('/')) return parseCidr(text);
  const only = parseIp(text);
  return only && range(only, only.bytes.length * 8);
}

/** True when the address lies in the range; an address of the other family never does. */
export function cidrContains(cidr: Cidr, ip: IpAddress): boolean {
  if (cidr.network.version !== ip.version) return false;
  const wholeBytes = cidr.prefixLength >> 3;
  for (let i = 0; i < wholeBytes; i++) if (cidr.network.bytes[i] !== ip.bytes[i]) return false;
  const restBits = cidr.prefixLength & 7;
  if (restBits === 0) return true;
  const mask = (0xff << (8 - restBits)) & 0xff;
  return ((cidr.network.bytes[wholeBytes] ?? 0) & mask) === ((ip.bytes[wholeBytes] ?? 0) & mask);
}

function address(version: 4 | 6, bytes: Uint8Array): IpAddress {
  return Object.freeze({ version, bytes, text: version === 4 ? formatIpv4(bytes) : formatIpv6(bytes) });
}

function range(ip: IpAddress, prefixLength: number): Cidr {
  const bytes = ip.bytes.map((byte, i) => byte & hostMask(prefixLength - i * 8));
  const network = address(ip.version, bytes);
  return Object.freeze({ network, prefixLength, text: `${network.text}/${prefixLength}` });
}

function hostMask(bits: number): number {
  if (bits >= 8) return 0xff;
  return bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff;
}

function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

const dot = 46;
const zero = 48;

function parseIpv4(text: string): Uint8Array | undefined {
  if (text.length < 7 || text.length > 15) return undefined;
  const bytes = new Uint8Array(4);
  let at = 0;
  for (let i = 0; i < 4; i++) {
    if (i > 0 && text.charCodeAt(at++) !== dot) return undefined;
    const from = at;
    let value = 0;
    for (; at < text.length && at - from < 3; at++) {
      const digit = text.charCodeAt(at) - zero;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    // No octal look-alikes: a zero stands alone.
    const isPlain = at > from && (at - from === 1 || text.charCodeAt(from) !== zero);
    if (!isPlain || value > 255) return undefined;
    bytes[i] = value;
  }
  return at === text.length ? bytes : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [left = '', right] = halves;
  const head = parseGroups(left, right === undefined);
  const tail = right === undefined ? [] : parseGroups(right, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 2) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Groups of four hexadecimal digits; the very last may be a dotted IPv4. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  if (groups.length > 8) return undefined;
  for (const [i, group] of groups.entries()) {
    if (group.includes('.')) {
      const dotted = mayEndInIpv4 && i === groups.length - 1 ? parseIpv4(group) : undefined;
      if (dotted === undefined) return undefined;
      bytes.push(...dotted);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

function formatIpv4(bytes: Uint8Array): string {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
}

function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  const [start, length] = longestZeroRun(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i > best[1]) best = [i, end - i];
  }
  return best;
}
