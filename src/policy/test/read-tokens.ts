import { Fields, type PositionedNode, type Report } from '../../resources/index.ts';
import type { JsonData, JsonFields, TokenPlace, TokenResult } from '../request.ts';

const faults = [
  'malformed',
  'bad-signature',
  'no-matching-key',
  'keys-unavailable',
  'expired',
  'not-yet-valid',
] as const;

export interface TokensRead {
  readonly results: readonly TokenResult[];
  /** Header lines that carry them, for rules about headers and for what is stripped: `token-0`, `token-1` stand for them. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** The same as query parameters: `access_token=token-0`. */
  readonly params: readonly string[];
}

const bearer: TokenPlace = Object.freeze({ in: 'header', name: 'authorization', prefix: 'Bearer ' });

/** `jwt: {claims}` is a good bearer token; `tokens` is the long form with place and fault. */
export function readTokens(fields: Fields): TokensRead {
  const results: TokenResult[] = [];
  const jwt = fields.get('jwt');
  if (jwt !== undefined) results.push({ ok: true, place: bearer, claims: plainFields(jwt), payload: 'e30' });
  results.push(...(fields.list('tokens', readToken) ?? []));
  return { results, ...carriers(results) };
}

function carriers(results: readonly TokenResult[]): Pick<TokensRead, 'headers' | 'params'> {
  const headers = new Map<string, string[]>();
  const params: string[] = [];
  for (const [i, { place }] of results.entries()) {
    const token = `token-${i}`;
    if (place.in === 'param') params.push(`${place.name}=${token}`);
    else if (place.in === 'cookie') addLine(headers, 'cookie', `${place.name}=${token}`);
    else addLine(headers, place.name, `${place.prefix ?? ''}${token}`);
  }
  return { headers, params };
}

function addLine(headers: Map<string, string[]>, name: string, line: string): void {
  headers.set(name, [...(headers.get(name) ?? []), line]);
}

function readToken(node: PositionedNode, report: Report): TokenResult | undefined {
  const fields = Fields.of(node, ['header', 'prefix', 'param', 'cookie', 'claims', 'fault'], report);
  if (fields === undefined) return undefined;
  const place = readPlace(fields);
  const claims = fields.get('claims');
  const fault = fields.oneOf('fault', faults);
  if (fault !== undefined) return { ok: false, place, fault };
  return { ok: true, place, claims: claims === undefined ? {} : plainFields(claims), payload: 'e30' };
}

function readPlace(fields: Fields): TokenPlace {
  const param = fields.text('param');
  const cookie = fields.text('cookie');
  const header = fields.text('header');
  const prefix = fields.text('prefix');
  if (param !== undefined) return { in: 'param', name: param };
  if (cookie !== undefined) return { in: 'cookie', name: cookie };
  if (header === undefined) return bearer;
  return { in: 'header', name: header.toLowerCase(), prefix: prefix ?? '' };
}

/** A node as JSON without prototypes, so that no claim's name can reach one. */
export function plainFields(node: PositionedNode): JsonFields {
  return node.kind === 'map' ? (plain(node) as JsonFields) : (Object.create(null) as JsonFields);
}

function plain(node: PositionedNode): JsonData {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plain);
  const out = Object.create(null) as Record<string, JsonData>;
  for (const { key, value } of node.entries) out[key.text] = plain(value);
  return out;
}
