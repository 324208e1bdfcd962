/** Randomness as a port: cryptographically strong in production, seeded in tests. */
export interface Random {
  /** `length` random bytes. */
  bytes(length: number): Uint8Array;
}

const base32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A ULID: 48 bits of time, 80 of randomness, 26 characters, sorts by time. */
export function ulid(nowMs: number, random: Random): string {
  let tail = '';
  const bytes = random.bytes(16);
  for (let i = 0; i < 16; i++) tail += base32.charAt((bytes[i] as number) & 31);
  return timePart(nowMs) + tail;
}

/** Many ids are made in one millisecond. */
let last: { readonly ms: number; readonly text: string } = { ms: -1, text: '' };

function timePart(nowMs: number): string {
  if (nowMs === last.ms) return last.text;
  let text = '';
  let rest = nowMs;
  for (let i = 0; i < 10; i++) {
    text = base32.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  last = { ms: nowMs, text };
  return text;
}

/** A float in [0, 1) with 32 bits of randomness: for jitter, not for secrets. */
export function unitInterval(random: Random): number {
  const [a = 0, b = 0, c = 0, d = 0] = random.bytes(4);
  return (a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) / 2 ** 32;
}
