/** The request line of the naive evaluator, one step after the other. */
import type { PlainHttp, PlainMesh } from './model.ts';

function removeDots(path: string, refuseAbove: boolean): string | undefined {
  const out: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [i, segment] of segments.entries()) {
    const isLast = i === segments.length - 1;
    if (segment === '.') {
      if (isLast) out.push('');
    } else if (segment === '..') {
      if (out.length === 0 && refuseAbove) return undefined;
      out.pop();
      if (isLast) out.push('');
    } else out.push(segment);
  }
  return `/${out.join('/')}`;
}

/** Strict mode takes only what everybody reads alike. */
function isStrange(path: string, level: string): boolean {
  if (/[^\x21-\x7e]/.test(path)) return true;
  if (level !== 'DECODE_AND_MERGE_SLASHES' && /%2f|%5c/i.test(path)) return true;
  try {
    decodeURIComponent(path);
    return false;
  } catch {
    return true;
  }
}

/** The path to match on (no query, no fragment), or undefined when the request is refused with 400. */
export function normalisePath(raw: string, mesh: PlainMesh): string | undefined {
  const { strict = false } = mesh;
  let level = mesh.pathNormalization?.normalization ?? 'DEFAULT';
  if (raw.length > 8192 || /[\x00-\x20\x7f]/.test(raw)) return undefined;
  if (strict && raw.includes('#')) return undefined;
  let path = raw.split('#')[0]?.split('?')[0] ?? '';
  if (path.includes('%00')) return undefined;
  if (strict && isStrange(path, level)) return undefined;
  if (strict && level !== 'DECODE_AND_MERGE_SLASHES') level = 'MERGE_SLASHES';
  if (level === 'DECODE_AND_MERGE_SLASHES') path = path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
  if (mesh.stripPathParameters) path = path.replace(/;[^/]*/g, '');
  if (level === 'NONE') return path;
  path = path.replace(/%([0-9a-fA-F]{2})/g, (whole, hex: string) => {
    const c = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9._~-]/.test(c) ? c : whole;
  });
  const resolved = removeDots(path.replace(/\\/g, '/'), strict);
  return level === 'MERGE_SLASHES' || level === 'DECODE_AND_MERGE_SLASHES'
    ? resolved?.replace(/\/{2,}/g, '/')
    : resolved;
}

/** The whole head: what any HTTP codec refuses, then the forms of a target. */
export function readHead(http: PlainHttp, mesh: PlainMesh): string | undefined {
  const { method, path, host, headers } = http;
  if (!/^[A-Z0-9_-]{1,64}$/.test(method)) return undefined;
  if (host.includes('@')) return undefined;
  if (Object.keys(headers).some((name) => name.includes(' '))) return undefined;
  if (path.startsWith('/')) return normalisePath(path, mesh);
  if (method === 'CONNECT') return path === '' || path === host ? '' : undefined;
  if (path === '*') return method === 'OPTIONS' ? '*' : undefined;
  if (path.length > 8192) return undefined;
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/is.exec(path);
  if (absolute === null || absolute[1]?.toLowerCase() !== host.toLowerCase()) return undefined;
  const rest = absolute[2] ?? '';
  return normalisePath(rest.startsWith('/') ? rest : `/${rest}`, mesh);
}
