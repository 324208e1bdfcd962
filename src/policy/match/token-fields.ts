import {
  absent,
  all,
  type Dimension,
  exactKeys,
  type Field,
  type IndexKey,
  noKeys,
  none,
  type Probe,
} from './clause.ts';
import { isFields, isList, type MatchContext, ownField, stringsAt } from './context.ts';
import { compileTexts, matchesTextPattern, type TextMatcher, type TextPattern } from './text-patterns.ts';

/** The fields that look into the accepted token, and into Envoy's dynamic metadata. */

const nothing: readonly string[] = [];

interface PrincipalPattern {
  readonly issuer: TextPattern;
  readonly subject: TextPattern;
}

const anyText: TextPattern = { kind: 'any', text: '' };

/** policy.md §3.4: split at the last slash, since an issuer is usually a URL. */
export function readRequestPrincipal(value: string): PrincipalPattern {
  const slash = value.lastIndexOf('/');
  const hasSlash = slash !== -1;
  const issuer = hasSlash ? value.slice(0, slash) : value;
  const subject = hasSlash ? value.slice(slash + 1) : '';
  const exact = (text: string): TextPattern => ({ kind: 'exact', text });
  if (value === '*') return { issuer: anyText, subject: anyText };
  if (value.startsWith('*')) {
    if (!hasSlash) return { issuer: anyText, subject: { kind: 'suffix', text: value.slice(1) } };
    return {
      issuer: issuer === '*' ? anyText : { kind: 'suffix', text: issuer.slice(1) },
      subject: exact(subject),
    };
  }
  if (value.endsWith('*')) {
    if (!hasSlash) return { issuer: { kind: 'prefix', text: value.slice(0, -1) }, subject: anyText };
    return {
      issuer: exact(issuer),
      subject: subject === '*' ? anyText : { kind: 'prefix', text: subject.slice(0, -1) },
    };
  }
  return { issuer: exact(issuer), subject: exact(subject) };
}

/** `requestPrincipals`, `request.auth.principal`: needs `iss` and `sub`, both strings. */
export class RequestPrincipalField implements Field {
  readonly #patterns: readonly PrincipalPattern[];
  readonly #exact: ReadonlySet<string>;

  constructor(values: readonly string[]) {
    // A subject is never empty, so `iss/` and a value without a slash match nothing (policy.md §3.4).
    const patterns = values
      .map(readRequestPrincipal)
      .filter(({ subject }) => subject.kind === 'any' || subject.text !== '');
    this.#exact = new Set(
      patterns.filter(isExact).map(({ issuer, subject }) => `${issuer.text}/${subject.text}`),
    );
    this.#patterns = patterns.filter((pattern) => !isExact(pattern));
  }
  get input(): string {
    return 'request.auth';
  }
  get isHttp(): boolean {
    return true;
  }
  get isIdentity(): boolean {
    return true;
  }
  probe({ token }: MatchContext): Probe {
    if (token === undefined) return absent;
    const issuer = ownField(token.claims, 'iss');
    const subject = ownField(token.claims, 'sub');
    if (typeof issuer !== 'string' || typeof subject !== 'string') return absent;
    // An exact pattern has no slash in its subject, so the joined text names one pair only when this one has none.
    if (!subject.includes('/') && this.#exact.has(`${issuer}/${subject}`)) return all;
    for (const pattern of this.#patterns)
      if (matchesTextPattern(pattern.issuer, issuer) && matchesTextPattern(pattern.subject, subject))
        return all;
    return none;
  }
  read({ token }: MatchContext): readonly string[] {
    const issuer = token && ownField(token.claims, 'iss');
    const subject = token && ownField(token.claims, 'sub');
    return typeof issuer === 'string' && typeof subject === 'string' ? [`${issuer}/${subject}`] : nothing;
  }
  get dimension(): Dimension | undefined {
    return this.#patterns.length > 0 ? undefined : 'request-principal';
  }
  keys(): readonly IndexKey[] {
    return exactKeys([...this.#exact]);
  }
}

function isExact({ issuer, subject }: PrincipalPattern): boolean {
  return issuer.kind === 'exact' && subject.kind === 'exact';
}

/** `request.auth.claims[a][b]`, `request.auth.audiences` (`aud`), `request.auth.presenter` (`azp`). */
export class ClaimField implements Field {
  readonly input: string;
  readonly #path: readonly string[];
  readonly #texts: TextMatcher;

  constructor(path: readonly string[], values: readonly string[]) {
    this.#path = path;
    this.#texts = compileTexts(values);
    this.input = 'request.auth';
  }
  get isHttp(): boolean {
    return true;
  }
  get isIdentity(): boolean {
    return false;
  }
  probe({ token }: MatchContext): Probe {
    if (token === undefined) return absent;
    const strings = stringsAt(token, this.#path);
    if (strings.length === 0) return absent;
    for (const text of strings) if (this.#texts.matches(text)) return all;
    return none;
  }
  read({ token }: MatchContext): readonly string[] {
    return token === undefined ? nothing : stringsAt(token, this.#path);
  }
  get dimension(): undefined {
    return undefined;
  }
  keys(): readonly IndexKey[] {
    return noKeys;
  }
}

/** `experimental.envoy.filters.<filter>[key]`: a string, or for a value `[v]` a list that holds `v`. */
export class MetadataField implements Field {
  readonly input: string;
  readonly #filter: string;
  readonly #key: string;
  readonly #texts: TextMatcher | undefined;
  readonly #items: TextMatcher | undefined;

  constructor(filter: string, key: string, values: readonly string[]) {
    this.#filter = filter;
    this.#key = key;
    this.input = `metadata[${filter}][${key}]`;
    const isListValue = (value: string) => value.startsWith('[') && value.endsWith(']');
    const texts = values.filter((value) => !isListValue(value));
    const items = values.filter(isListValue).map(trimBrackets);
    this.#texts = texts.length === 0 ? undefined : compileTexts(texts);
    this.#items = items.length === 0 ? undefined : compileTexts(items);
  }
  get isHttp(): boolean {
    return false;
  }
  get isIdentity(): boolean {
    return false;
  }
  probe(context: MatchContext): Probe {
    const fields = context.request.dynamicMetadata?.get(this.#filter);
    const value = fields && ownField(fields, this.#key);
    if (value === undefined) return absent;
    if (typeof value === 'string') return this.#texts?.matches(value) ? all : none;
    if (!isList(value)) return none;
    return value.some((item) => typeof item === 'string' && this.#items?.matches(item)) ? all : none;
  }
  read(context: MatchContext): readonly string[] {
    const fields = context.request.dynamicMetadata?.get(this.#filter);
    const value = fields && ownField(fields, this.#key);
    if (value === undefined || isFields(value)) return nothing;
    return isList(value) ? value.map(String) : [String(value)];
  }
  get dimension(): undefined {
    return undefined;
  }
  keys(): readonly IndexKey[] {
    return noKeys;
  }
}

/** Istio trims every bracket at both ends. */
function trimBrackets(value: string): string {
  let from = 0;
  let to = value.length;
  const isBracket = (at: number) => value[at] === '[' || value[at] === ']';
  while (from < to && isBracket(from)) from++;
  while (to > from && isBracket(to - 1)) to--;
  return value.slice(from, to);
}
