import type { IpAddress } from '../../base/ip.ts';
import type { AuthzRequest, HttpFacts, JsonData, JsonFields } from '../request.ts';
import { type PeerFacts, peerFacts } from './peer-facts.ts';
import { foldAscii } from './text-patterns.ts';

/** The end-user identity in force, as the rules see it. */
export interface AcceptedToken {
  readonly claims: JsonFields;
  /** String claims that are read as lists of words. */
  readonly delimited: ReadonlySet<string>;
}

/** One request as the rules see it: every fact worked out once, before the first rule looks. */
export class MatchContext {
  readonly request: AuthzRequest;
  /** Undefined when the rules of plain connections apply. */
  readonly http: HttpFacts | undefined;
  readonly peer: PeerFacts | undefined;
  readonly sourceIp: IpAddress | undefined;
  readonly remoteIp: IpAddress | undefined;
  readonly destinationIp: IpAddress | undefined;
  readonly port: number;
  readonly sni: string;
  /** Normalised, without query; set by the normalisation stage. */
  path = '';
  /** `:authority` in lower case, blanks around it left out (CVE-2019-18802); undefined when there is none. */
  readonly host: string | undefined;
  token: AcceptedToken | undefined = undefined;

  constructor(request: AuthzRequest, hasIdentity: boolean, http: HttpFacts | undefined) {
    const { connection } = request;
    this.request = request;
    this.http = http;
    this.peer = hasIdentity && connection.peer !== undefined ? peerFacts(connection.peer) : undefined;
    this.sourceIp = connection.sourceIp;
    this.remoteIp = connection.remoteIp ?? connection.sourceIp;
    this.destinationIp = connection.destinationIp;
    this.port = connection.destinationPort;
    this.sni = connection.sni ?? '';
    this.host = http?.authority === undefined ? undefined : foldAscii(trimBlanks(http.authority));
  }
}

/** An own member of a JSON object; inherited names (`constructor`, `__proto__`) are never claims. */
export function ownField(object: JsonFields, name: string): JsonData {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** The strings at a nested path: one string, or the strings of a list. Numbers, booleans and objects never count. */
export function stringsAt(token: AcceptedToken, path: readonly string[]): readonly string[] {
  let value: JsonData = token.claims;
  for (const name of path) {
    if (!isFields(value)) return noStrings;
    value = ownField(value, name);
  }
  if (typeof value === 'string') {
    const first = path[0];
    return path.length === 1 && first !== undefined && token.delimited.has(first)
      ? value.split(' ').filter((word) => word !== '')
      : [value];
  }
  return isList(value) ? value.filter((item) => typeof item === 'string') : noStrings;
}

const noStrings: readonly string[] = [];

export function isFields(value: JsonData): value is JsonFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: JsonData): value is readonly JsonData[] {
  return Array.isArray(value);
}

/** Optional white space around a header value does not count (CVE-2019-18802). */
export function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return from === 0 && to === text.length ? text : text.slice(from, to);
}

function isBlank(unit: number): boolean {
  return unit === 32 || unit === 9;
}

/** The lines of a header, pseudo headers and Host (which is `:authority`) included; undefined when absent. */
export function headerLines(http: HttpFacts, name: string): readonly string[] | undefined {
  switch (name) {
    case 'host':
    case ':authority':
      return http.authority === undefined ? undefined : [http.authority];
    case ':method':
      return [http.method];
    case ':path':
      return [http.path];
    case ':scheme':
      return http.scheme === undefined ? undefined : [foldAscii(http.scheme)];
    default:
      return http.headers.get(name);
  }
}

/** Strict mode reads one header as one list: lines split at commas, blanks trimmed (Z12). */
export function listItems(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => line.split(',').map(trimBlanks));
}
