/**
 * Path templates (policy.md §3.6): `{*}` is one segment that is not empty, `{**}` is any rest, slashes and nothing
 * included, and must be the last operator. Any character but `/` may stand in a matched segment: a narrower class made
 * a DENY miss (CVE-2025-46821).
 */
export interface PathTemplate {
  /** Literal text before, between and after the `{*}` operators, up to `{**}` or the end. */
  readonly parts: readonly string[];
  /** Literal text after `{**}`; undefined when there is none. */
  readonly tail: string | undefined;
}

export function isPathTemplate(value: string): boolean {
  return value.includes('{*}') || value.includes('{**}');
}

/** Undefined when an operator is not a whole segment, follows `{**}`, or a brace stands elsewhere. */
export function readPathTemplate(value: string): PathTemplate | undefined {
  const segments = trimSlashes(value).split('/');
  let ended = false;
  for (const segment of segments) {
    const isOperator = segment === '{*}' || segment === '{**}';
    if (isOperator && ended) return undefined;
    if (!isOperator && (segment.includes('{') || segment.includes('}'))) return undefined;
    ended ||= segment === '{**}';
  }
  const rest = value.indexOf('{**}');
  const head = rest === -1 ? value : value.slice(0, rest);
  return { parts: head.split('{*}'), tail: rest === -1 ? undefined : value.slice(rest + 4) };
}

export function matchesPathTemplate(template: PathTemplate, path: string): boolean {
  const { parts, tail } = template;
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    if (i > 0) {
      const end = segmentEnd(path, at);
      if (end === at) return false;
      at = end;
    }
    const part = parts[i] as string;
    if (!path.startsWith(part, at)) return false;
    at += part.length;
  }
  if (tail === undefined) return at === path.length;
  return path.length - tail.length >= at && path.endsWith(tail);
}

/** What every matching path begins with. */
export function templatePrefix(template: PathTemplate): string {
  return template.parts[0] ?? '';
}

function segmentEnd(path: string, from: number): number {
  const slash = path.indexOf('/', from);
  return slash === -1 ? path.length : slash;
}

function trimSlashes(value: string): string {
  let from = 0;
  let to = value.length;
  while (from < to && value[from] === '/') from++;
  while (to > from && value[to - 1] === '/') to--;
  return value.slice(from, to);
}
