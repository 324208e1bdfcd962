import type { TokenRule } from '../compile/tokens.ts';
import type { Effects } from '../decision.ts';
import { isFields, ownField } from '../match/context.ts';
import type { CustomResult, HeaderValue, HttpFacts, JsonData, JsonFields, ValidToken } from '../request.ts';
import { percentDecode, withoutParams, withParams } from './query-string.ts';

/** The usual case: the request goes on as it came. */
export const noEffects: Effects = Object.freeze({
  setHeaders: Object.freeze([]),
  removeHeaders: Object.freeze([]),
  removeParams: Object.freeze([]),
});

interface Touched {
  readonly set: Map<string, string>;
  readonly removed: Set<string>;
  readonly params: Set<string>;
  readonly setParams: Map<string, string>;
}

/** Collects what becomes of the request; costs nothing until something does. */
export class EffectsDraft {
  readonly #http: HttpFacts | undefined;
  #path: string | undefined = undefined;
  #touched: Touched | undefined;

  constructor(http: HttpFacts | undefined) {
    this.#http = http;
  }

  /** The normalised target is what goes on, when it is not what came. */
  forward(target: string): void {
    if (target === this.#http?.path) return;
    this.#path = target;
    this.#touch();
  }

  /** First headers, then parameters, as Envoy has it. */
  custom({ setHeaders = [], removeHeaders = [], setParams = [], removeParams = [] }: CustomResult): void {
    for (const { name, value } of setHeaders) this.#setHeader(name.toLowerCase(), value);
    for (const name of removeHeaders) this.#removeHeader(name.toLowerCase());
    for (const { name, value } of setParams) this.#touch().setParams.set(name, value);
    for (const name of removeParams) this.#removeParam(percentDecode(name));
  }

  /** Copies that a client forged of headers which only a rule may fill (policy.md §2.1). */
  sanitise(rules: readonly TokenRule[]): void {
    for (const rule of rules) {
      if (rule.payloadHeader !== undefined) this.#removeHeader(rule.payloadHeader);
      for (const { header } of rule.claimHeaders) this.#removeHeader(header);
    }
  }

  /** The accepted tokens: removed unless forwarded (a cookie never is removed), their claims put into headers. */
  accept(rule: TokenRule, tokens: readonly ValidToken[]): void {
    for (const { place } of tokens) {
      if (rule.forwards) break;
      if (place.in === 'header') this.#removeHeader(place.name);
      if (place.in === 'param') this.#removeParam(place.name);
    }
    const last = tokens.at(-1);
    if (last === undefined) return;
    if (rule.payloadHeader !== undefined && last.payload !== undefined)
      this.#setHeader(rule.payloadHeader, last.payload);
    for (const { header, path } of rule.claimHeaders) {
      const value = claimText(last.claims, path);
      if (value !== undefined) this.#setHeader(header, value);
    }
  }

  build(): Effects {
    if (this.#touched === undefined) return noEffects;
    const { set, removed, params, setParams } = this.#touched;
    const setHeaders: HeaderValue[] = [...set].map(([name, value]) => ({ name, value }));
    return {
      setHeaders,
      removeHeaders: [...removed],
      removeParams: [...params],
      path: this.#forwardedPath(setParams, params),
    };
  }

  #forwardedPath(set: ReadonlyMap<string, string>, removed: ReadonlySet<string>): string | undefined {
    if (set.size + removed.size === 0 || this.#http === undefined) return this.#path;
    const sent = this.#path ?? this.#http.path;
    return withoutParams(set.size === 0 ? sent : withParams(sent, set), removed);
  }

  #touch(): Touched {
    this.#touched ??= { set: new Map(), removed: new Set(), params: new Set(), setParams: new Map() };
    return this.#touched;
  }

  /** Z32: a value that could end a header line is never put into one. */
  #setHeader(name: string, value: string): void {
    if (!isHeaderText(value)) return;
    this.#touch().set.set(name, value);
  }

  #removeHeader(name: string): void {
    this.#touch().removed.add(name);
  }

  #removeParam(name: string): void {
    this.#touch().params.add(name);
  }
}

/** Strings, numbers and booleans; the dots of a claim's path nest (policy.md §2.1). */
function claimText(claims: JsonFields, path: readonly string[]): string | undefined {
  let value: JsonData = claims;
  for (const name of path) {
    if (!isFields(value)) return undefined;
    value = ownField(value, name);
  }
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function isHeaderText(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if ((unit < 32 && unit !== 9) || unit === 127) return false;
  }
  return true;
}
