import { type IpAddress, ipFromBytes, parseIp, parseIpBlock } from '../../base/ip.ts';

/**
 * Addresses that stand for all, as far as some ranges can tell them apart: of two ranges one holds the other or they are
 * apart, so each part of the space holds the first or last address of a range or a neighbour of one.
 */
export function addressExamples(values: readonly string[]): readonly IpAddress[] {
  const found = new Map<string, IpAddress>();
  const add = (ip: IpAddress | undefined) => ip && found.set(ip.text, ip);
  for (const text of ['203.0.113.77', '2001:db8:ffff::77']) add(parseIp(text));
  for (const value of values) {
    const range = parseIpBlock(value);
    if (range === undefined) continue;
    const first = range.network.bytes;
    const last = first.map((byte, i) => byte | hostBits(range.prefixLength - i * 8));
    for (const bytes of [first, last, neighbour(first, -1), neighbour(last, 1)]) add(ipFromBytes(bytes));
  }
  return [...found.values()];
}

function hostBits(networkBits: number): number {
  if (networkBits >= 8) return 0;
  return networkBits <= 0 ? 0xff : 0xff >> networkBits;
}

/** One above or below, around the ends. */
function neighbour(bytes: Uint8Array, step: 1 | -1): Uint8Array {
  const next = bytes.slice();
  for (let i = next.length - 1; i >= 0; i--) {
    const sum = (next[i] as number) + step;
    next[i] = sum & 0xff;
    if (sum >= 0 && sum <= 255) break;
  }
  return next;
}
