/** Times for people: `in 43m`, `2d ago`; machines get RFC 3339. */
export function formatRelative(atMs: number, nowMs: number): string {
  const distance = formatAge(Math.abs(atMs - nowMs));
  if (distance === '0s') return 'now';
  return atMs > nowMs ? `in ${distance}` : `${distance} ago`;
}

const units: readonly (readonly [string, number])[] = [
  ['y', 365 * 86_400],
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
];

/** The two largest units: `3d4h`, `1h5m`, `43m`, `12s`. */
export function formatAge(milliseconds: number): string {
  let rest = Math.max(0, Math.floor(milliseconds / 1000));
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    if (count > 0 || parts.length > 0) parts.push(count > 0 ? `${count}${unit}` : '');
    rest -= count * size;
    if (parts.length === 2) break;
  }
  return parts.join('') || '0s';
}

export function formatInstant(atMs: number): string {
  return new Date(atMs).toISOString().replace('.000Z', 'Z');
}
