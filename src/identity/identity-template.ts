import { isJsonObject, type JsonObject, type JsonValue } from '../jwt/index.ts';
import { isReservedId, SpiffeId, type TrustDomain } from '../spiffe/index.ts';
import { identityErrors } from './errors.ts';

type Segment = { readonly text: string } | { readonly claim: readonly string[] };

/** How an issuer's claims become a SPIFFE ID (D11). */
export interface IdentityTemplate {
  readonly text: string;
  readonly trustDomain: TrustDomain;
  readonly segments: readonly Segment[];
}

export type TemplateResult =
  | { readonly ok: true; readonly id: SpiffeId }
  | { readonly ok: false; readonly reason: 'claim-unusable' | 'reserved-id'; readonly detail: string };

const literal = /^[A-Za-z0-9._-]+$/;
const shortForm = /^\{(?!claims\})([A-Za-z0-9_-]+)\}$/;
const placeholder = /^\{claims((?:\.[A-Za-z0-9_-]+|\['[^'\]{}/]+'\])+)\}$/;
const step = /\.([A-Za-z0-9_-]+)|\['([^'\]{}/]+)'\]/g;
const longestTemplate = 1024;

/**
 * Reads `spiffe://{trustDomain}/ns/{claims.namespace}/sa/{claims.account}`, or only the path. A segment is fixed text or
 * one claim; members of nested claims follow with a dot, names with dots in them stand as
 * `{claims['kubernetes.io'].namespace}`, and `{job}` is short for `{claims.job}`.
 */
export function parseIdentityTemplate(text: string, trustDomain: TrustDomain): IdentityTemplate {
  const fail = (why: string) =>
    identityErrors.IDENTITY_TEMPLATE_MALFORMED({
      message: `not an identity template: \`${text.slice(0, 120)}\` (${why})`,
      details: { rule: why },
    });
  const starts = ['spiffe://{trustDomain}/', `spiffe://${trustDomain}/`, '/'];
  const start = starts.find((prefix) => text.startsWith(prefix));
  if (start === undefined || text.length > longestTemplate)
    throw fail('it begins neither with our trust domain nor with a slash');
  const segments = text
    .slice(start.length)
    .split('/')
    .map((segment): Segment => {
      if (segment !== '.' && segment !== '..' && literal.test(segment)) return { text: segment };
      const short = shortForm.exec(segment)?.[1];
      if (short !== undefined) return { claim: [short] };
      const path = placeholder.exec(segment)?.[1];
      if (path === undefined) throw fail('a segment is neither fixed text nor exactly one claim');
      return { claim: [...path.matchAll(step)].map((found) => found[1] ?? found[2] ?? '') };
    });
  if (!segments.some((segment) => 'claim' in segment))
    throw fail('without a claim every token is the same identity');
  const [first] = segments;
  if (first !== undefined && 'text' in first && first.text === 'castellan')
    throw fail('/castellan/ is for nodes');
  return Object.freeze({ text, trustDomain, segments: Object.freeze(segments) });
}

/** Fills the template from verified claims: each must be a string and fit one path segment as it is, unescaped. */
export function fillIdentityTemplate(template: IdentityTemplate, claims: JsonObject): TemplateResult {
  const parts: string[] = [];
  for (const segment of template.segments) {
    if ('text' in segment) {
      parts.push(segment.text);
      continue;
    }
    const value = lookUp(claims, segment.claim);
    if (typeof value !== 'string' || !literal.test(value) || value === '.' || value === '..')
      return { ok: false, reason: 'claim-unusable', detail: `${segment.claim.join('.')} is no path segment` };
    parts.push(value);
  }
  const id = SpiffeId.tryParse(`spiffe://${template.trustDomain}/${parts.join('/')}`);
  if (id === undefined) return { ok: false, reason: 'claim-unusable', detail: 'the result is no SPIFFE ID' };
  if (isReservedId(id)) return { ok: false, reason: 'reserved-id', detail: '/castellan/ is for nodes' };
  return { ok: true, id };
}

function lookUp(claims: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = claims;
  for (const name of path) {
    if (!isJsonObject(value)) return undefined;
    value = value[name];
  }
  return value;
}
