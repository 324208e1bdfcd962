/** Times for people: `in 43m`, `2d ago`; machines get RFC 3339. */
export function formatRelative(atMs: number, nowMs: number): string {
  const distance = formatAge(Math.abs(atMs - nowMs));
  if (distance === '0s') return 'now';
  return atMs > nowMs ? `in ${distance}` : `${distance} ago`;
}

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/** From where on a length is told in these two units; rounded to the smaller one. */
const scales: readonly (readonly [number, readonly [string, number], readonly [string, number]])[] = [
  [year, ['y', year], ['d', day]],
  [2 * day, ['d', day], ['h', hour]],
  [hour, ['h', hour], ['m', minute]],
  [minute, ['m', minute], ['s', 1]],
];

/** The two largest units: `3d4h`, `24h`, `43m`, `12s`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  for (const [from, [large, largeSize], [small, smallSize]] of scales) {
    const rounded = Math.round(seconds / smallSize) * smallSize;
    if (rounded < from) continue;
    const rest = (rounded % largeSize) / smallSize;
    return `${Math.floor(rounded / largeSize)}${large}${rest > 0 ? `${rest}${small}` : ''}`;
  }
  return `${seconds}s`;
}

export function formatInstant(atMs: number): string {
  return new Date(atMs).toISOString().replace('.000Z', 'Z');
}
