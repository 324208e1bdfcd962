import { foldAscii } from '../match/text-patterns.ts';
import type { HttpFacts } from '../request.ts';
import { maxPathLength, type NormalisedPath, normalisePath, type PathRules } from './path.ts';

/** Reads the request line: the forms of RFC 9112 §3.2, and what any HTTP codec refuses (policy.md §3.9, Z07, Z09). */
export function readTarget(http: HttpFacts, rules: PathRules): NormalisedPath {
  const problem = headProblem(http);
  if (problem !== undefined) return { ok: false, fault: problem };
  const { path, method } = http;
  if (path.charCodeAt(0) === slash) return normalisePath(path, rules);
  if (method === 'CONNECT') return readAuthorityForm(http);
  if (path === '*')
    return method === 'OPTIONS'
      ? { ok: true, path, query: '' }
      : { ok: false, fault: 'only OPTIONS asks for `*`' };
  return readAbsoluteForm(http, rules);
}

const slash = 47;

function readAuthorityForm({ path, authority }: HttpFacts): NormalisedPath {
  return path === '' || path === authority
    ? { ok: true, path: '', query: '' }
    : { ok: false, fault: 'the target of CONNECT is not its authority' };
}

/** `http://host/path`: its path is what counts, and its host must be the authority. */
function readAbsoluteForm({ path, authority }: HttpFacts, rules: PathRules): NormalisedPath {
  if (path.length > maxPathLength)
    return { ok: false, fault: `the path is longer than ${maxPathLength} characters` };
  const folded = foldAscii(path.slice(0, 8));
  const start = folded.startsWith('http://') ? 7 : folded.startsWith('https://') ? 8 : -1;
  if (start === -1) return { ok: false, fault: 'the path does not begin with a slash' };
  let end = start;
  while (end < path.length && !'/?#'.includes(path[end] as string)) end++;
  if (authority !== undefined && foldAscii(path.slice(start, end)) !== foldAscii(authority))
    return { ok: false, fault: 'the host in the target is not the authority' };
  const rest = path.slice(end);
  return normalisePath(rest.startsWith('/') ? rest : `/${rest}`, rules);
}

function headProblem({ method, authority, headers }: HttpFacts): string | undefined {
  if (!isMethod(method)) return 'the method is not a token in upper case';
  if (authority?.includes('@')) return 'the authority holds user information';
  for (const name of headers.keys()) if (name.includes(' ')) return 'a header name holds a space';
  return undefined;
}

/** Long enough for every registered method twice over. */
const maxMethodLength = 64;

function isMethod(method: string): boolean {
  if (method.length === 0 || method.length > maxMethodLength) return false;
  for (let i = 0; i < method.length; i++) {
    const unit = method.charCodeAt(i);
    const isUpper = unit >= 65 && unit <= 90;
    if (!isUpper && unit !== 45 && unit !== 95 && !(unit >= 48 && unit <= 57)) return false;
  }
  return true;
}
