/** Path normalisation of the naive evaluator, one step after the other. */

export type PathNormalization = 'NONE' | 'BASE' | 'DEFAULT' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';

function removeDots(path: string): string {
  const out: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [i, segment] of segments.entries()) {
    const isLast = i === segments.length - 1;
    if (segment === '.') {
      if (isLast) out.push('');
    } else if (segment === '..') {
      out.pop();
      if (isLast) out.push('');
    } else out.push(segment);
  }
  return `/${out.join('/')}`;
}

/** The path to match on (no query, no fragment), or undefined when the request is refused with 400. */
export function normalisePath(raw: string, level: PathNormalization): string | undefined {
  let path = raw.split('#')[0]?.split('?')[0] ?? '';
  if (/%00/.test(path)) return undefined;
  if (level === 'NONE') return path;
  if (level === 'DECODE_AND_MERGE_SLASHES') path = path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
  path = path.replace(/\\/g, '/');
  path = path.replace(/%([0-9a-fA-F]{2})/g, (whole, hex: string) => {
    const c = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9._~-]/.test(c) ? c : whole;
  });
  const resolved = removeDots(path);
  return level === 'MERGE_SLASHES' || level === 'DECODE_AND_MERGE_SLASHES'
    ? resolved.replace(/\/{2,}/g, '/')
    : resolved;
}
