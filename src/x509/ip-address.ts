import { x509Errors } from './errors.ts';

/** Writes the octets of an iPAddress name: 4 as dotted quad, 16 as RFC 5952 text. */
export function formatIp(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((octets[2 * i] ?? 0) << 8) | (octets[2 * i + 1] ?? 0)).toString(16),
  );
  let best = { at: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (groups[i + length] === '0') length++;
    if (length > best.length) best = { at: i, length };
  }
  if (best.at === -1) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`;
}

/**
 * Reads an address strictly: four decimal octets without leading zeros, or hexadecimal groups with at most one
 * `::`. Mapped IPv4 (`::ffff:…`) gives the 4-byte form, as Istio writes it. Throws IP_ADDRESS_MALFORMED.
 */
export function parseIp(text: string): Uint8Array {
  const octets = text.includes(':') ? readV6(text) : readV4(text);
  if (octets === undefined)
    throw x509Errors.IP_ADDRESS_MALFORMED({ message: `not an IP address: \`${text.slice(0, 60)}\`` });
  const isMapped = octets.length === 16 && octets.every((o, i) => i >= 12 || o === (i < 10 ? 0 : 0xff));
  return isMapped ? octets.subarray(12) : octets;
}

function readV4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const octets = parts.map((part) => (/^(?:0|[1-9][0-9]{0,2})$/.test(part) ? Number(part) : 256));
  return octets.every((octet) => octet < 256) ? Uint8Array.from(octets) : undefined;
}

function readV6(text: string): Uint8Array | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => readGroups(half, i === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 16 - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...Array.from({ length: missing }, () => 0), ...(tail ?? [])]);
}

/** Groups of hexadecimal digits; the last may be a dotted quad where it ends the address. */
function readGroups(text: string, endsAddress: boolean): number[] | undefined {
  if (text === '') return [];
  const octets: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    const v4 = endsAddress && i === groups.length - 1 && group.includes('.') ? readV4(group) : undefined;
    if (v4 !== undefined) octets.push(...v4);
    else if (/^[0-9a-fA-F]{1,4}$/.test(group))
      octets.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff);
    else return undefined;
  }
  return octets;
}
