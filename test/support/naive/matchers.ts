/** The matchers of the naive evaluator: read straight from the semantics, slow and plain, no index, no sharing. */

export function matchText(value: string, pattern: string): boolean {
  if (pattern === '*') return value !== '';
  if (pattern.startsWith('*')) return value.endsWith(pattern.slice(1));
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1));
  return value === pattern;
}

export function matchHost(host: string, pattern: string): boolean {
  return pattern === '*' ? true : matchText(host.trim().toLowerCase(), pattern.toLowerCase());
}

export function matchHeader(values: readonly string[] | undefined, pattern: string): boolean {
  if (values === undefined || values.length === 0) return false;
  return values.some((value) => pattern === '*' || matchText(value.trim(), pattern));
}

/** `{*}` is one non-empty segment of anything but a slash, `{**}` any rest. */
export function matchPath(path: string, pattern: string): boolean {
  if (!pattern.includes('{*}') && !pattern.includes('{**}')) return matchText(path, pattern);
  const source = pattern
    .split(/(\{\*\*\}|\{\*\})/)
    .map((part) =>
      part === '{**}' ? '[\\s\\S]*' : part === '{*}' ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
    )
    .join('');
  return new RegExp(`^${source}$`).test(path);
}

/** Strict mode sees past the port and one trailing dot. */
export function matchHostStrictly(host: string, pattern: string): boolean {
  const folded = host.trim().toLowerCase();
  const parts = /^(\[[^\]]*\]|[^:]*)(:\d*)?$/.exec(folded);
  const bare = (parts?.[1] ?? folded).replace(/\.$/, '');
  const port = parts?.[2] ?? '';
  const forms = [folded, bare, ...(port.length > 1 ? [bare + port] : [])];
  return forms.some((form) => matchHost(form, pattern));
}

const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The trust domain and its aliases stand for each other in values of exactly five parts. */
export function expandPrincipal(pattern: string, bundle: readonly string[]): readonly string[] {
  const parts = pattern.split('/');
  const [td = ''] = parts;
  if (parts.length !== 5 || td === '*') return [pattern];
  const known = td === 'cluster.local' || bundle.some((entry) => matchText(entry, td));
  if (!known) return [pattern];
  return bundle.map((entry) =>
    td.startsWith('*') && matchText(entry, td) ? pattern : [entry, ...parts.slice(1)].join('/'),
  );
}

/** The value of a principal is the URI without its scheme. */
export function matchPrincipal(
  peer: string | undefined,
  pattern: string,
  bundle: readonly string[],
): boolean {
  if (peer === undefined) return false;
  const principal = peer.slice('spiffe://'.length);
  return expandPrincipal(pattern, bundle).some((one) => matchText(principal, one));
}

/** `.*` + `/ns/<v>/` + `.*`, every `*` of the value any text. */
export function matchNamespace(peer: string | undefined, pattern: string): boolean {
  const value = pattern.split('*').map(literal).join('.*');
  return peer !== undefined && new RegExp(`^.*/ns/${value}/.*$`).test(peer);
}

export function matchServiceAccount(
  peer: string | undefined,
  pattern: string,
  policyNamespace: string,
): boolean {
  const [namespace = '', account = ''] = pattern.includes('/')
    ? pattern.split('/')
    : [policyNamespace, pattern];
  const shape = `^spiffe://.+/ns/${literal(namespace)}/(.+/|)sa/${literal(account)}(/.+)?$`;
  return peer !== undefined && new RegExp(shape).test(peer);
}

export function matchTrustDomain(
  peer: string | undefined,
  pattern: string,
  bundle: readonly string[],
): boolean {
  if (peer === undefined) return false;
  if (pattern === '*') return true;
  const wanted = bundle.includes(pattern) ? bundle : [pattern];
  return wanted.some((one) =>
    new RegExp(`^spiffe://${one.split('*').map(literal).join('[^/]*')}/.*$`).test(peer),
  );
}

function ipToBits(text: string): { bits: bigint; width: number } | undefined {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (v4) {
    const bytes = v4.slice(1).map(Number);
    return bytes.some((b) => b > 255)
      ? undefined
      : { bits: bytes.reduce((n, b) => n * 256n + BigInt(b), 0n), width: 32 };
  }
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text);
  if (mapped) return ipToBits(mapped[1] as string);
  if (!text.includes(':')) return undefined;
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  const groups = [...left, ...middle, ...right];
  if (groups.length !== 8) return undefined;
  return { bits: groups.reduce((n, g) => n * 65536n + BigInt(`0x${g}`), 0n), width: 128 };
}

export function matchIp(ip: string | undefined, block: string): boolean {
  if (ip === undefined) return false;
  const [address = '', length] = block.split('/');
  const have = ipToBits(ip);
  const want = ipToBits(address);
  if (have === undefined || want === undefined || have.width !== want.width) return false;
  // A mapped range counts its length from the beginning of the IPv6 address.
  const shift = want.width === 32 && address.includes(':') ? 96 : 0;
  const drop = BigInt(want.width - (length === undefined ? want.width : Number(length) - shift));
  return have.bits >> drop === want.bits >> drop;
}

export type Claims = Readonly<Record<string, unknown>>;

/** `request.auth.principal` and `requestPrincipals`: split at the last slash of the pattern. */
export function matchRequestPrincipal(claims: Claims | undefined, pattern: string): boolean {
  const iss = claims?.iss;
  const sub = claims?.sub;
  if (typeof iss !== 'string' || typeof sub !== 'string') return false;
  if (pattern === '*') return iss !== '' && sub !== '';
  const slash = pattern.lastIndexOf('/');
  if (slash !== -1) {
    const [issPattern, subPattern] = [pattern.slice(0, slash), pattern.slice(slash + 1)];
    if (issPattern.startsWith('*'))
      return issPattern === '*'
        ? iss !== '' && sub === subPattern && sub !== ''
        : iss.endsWith(issPattern.slice(1)) && sub === subPattern && sub !== '';
    if (subPattern.endsWith('*'))
      return (
        iss === issPattern && (subPattern === '*' ? sub !== '' : sub.startsWith(subPattern.slice(0, -1)))
      );
    return iss === issPattern && sub === subPattern && sub !== '';
  }
  if (pattern.startsWith('*')) return iss !== '' && sub.endsWith(pattern.slice(1));
  if (pattern.endsWith('*')) return iss.startsWith(pattern.slice(0, -1)) && sub !== '';
  return false;
}

/** A claim reached by own members only: a string, or any string of a list, matches. */
export function matchClaim(claims: Claims | undefined, path: readonly string[], pattern: string): boolean {
  let at: unknown = claims;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, name)) return false;
    at = (at as Record<string, unknown>)[name];
  }
  const values = Array.isArray(at) ? at : [at];
  return values.some((value) => typeof value === 'string' && matchText(value, pattern));
}
