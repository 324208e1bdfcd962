/**
 * JSON as tokens and key sets must carry it: no duplicate member names (RFC 8725 §2.6 leaves their meaning open, so two
 * readers may differ), a bounded depth, strict UTF-8, finite numbers. Objects have no prototype, so a member called
 * `__proto__` or `constructor` is just a member.
 */

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue | undefined;
}

export type JsonFault =
  | 'not-utf8'
  | 'syntax'
  | 'duplicate-name'
  | 'too-deep'
  | 'number-range'
  | 'not-an-object';
export type JsonResult =
  | { readonly ok: true; readonly value: JsonObject }
  | { readonly ok: false; readonly fault: JsonFault };

class Fault extends Error {
  readonly fault: JsonFault;

  constructor(fault: JsonFault) {
    super(fault);
    this.fault = fault;
  }
}

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads bytes that must hold one JSON object; `maxDepth` counts nested arrays and objects. */
export function parseJsonObject(bytes: Uint8Array, maxDepth: number): JsonResult {
  let text: string;
  try {
    text = utf8Decoder.decode(bytes);
  } catch {
    return { ok: false, fault: 'not-utf8' };
  }
  return parseJsonObjectText(text, maxDepth);
}

export function parseJsonObjectText(text: string, maxDepth: number): JsonResult {
  try {
    const value = new Reader(text, maxDepth).document();
    return isJsonObject(value) ? { ok: true, value } : { ok: false, fault: 'not-an-object' };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, fault: error.fault };
    throw error;
  }
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const blank = /[\t\n\r ]*/y;
const plainString = /"[^"\\\u0000-\u001f]*"/y;
const escapedString = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const word = /true|false|null/y;

class Reader {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;
  #depth = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  document(): JsonValue {
    const value = this.#value();
    this.#skipBlank();
    if (this.#at !== this.#text.length) throw new Fault('syntax');
    return value;
  }

  #value(): JsonValue {
    this.#skipBlank();
    const first = this.#text[this.#at];
    if (first === '{') return this.#nested(() => this.#object());
    if (first === '[') return this.#nested(() => this.#array());
    if (first === '"') return this.#string();
    const literal = this.#match(word);
    if (literal !== undefined) return literal === 'null' ? null : literal === 'true';
    return this.#number();
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > this.#maxDepth) throw new Fault('too-deep');
    this.#at++;
    const value = read();
    this.#depth--;
    return value;
  }

  #object(): JsonObject {
    const object: Record<string, JsonValue> = Object.create(null);
    if (this.#take('}')) return Object.freeze(object);
    do {
      this.#skipBlank();
      const name = this.#string();
      if (name in object) throw new Fault('duplicate-name');
      this.#expect(':');
      object[name] = this.#value();
    } while (this.#take(','));
    this.#expect('}');
    return Object.freeze(object);
  }

  #array(): readonly JsonValue[] {
    const items: JsonValue[] = [];
    if (this.#take(']')) return Object.freeze(items);
    do items.push(this.#value());
    while (this.#take(','));
    this.#expect(']');
    return Object.freeze(items);
  }

  #string(): string {
    const plain = this.#match(plainString);
    if (plain !== undefined) return plain.slice(1, -1);
    const escaped = this.#match(escapedString);
    if (escaped === undefined) throw new Fault('syntax');
    return JSON.parse(escaped) as string;
  }

  #number(): number {
    const digits = this.#match(number);
    if (digits === undefined) throw new Fault('syntax');
    const value = Number(digits);
    if (!Number.isFinite(value)) throw new Fault('number-range');
    return value;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #skipBlank(): void {
    const code = this.#text.charCodeAt(this.#at);
    if (code <= 0x20) this.#match(blank);
  }

  #take(character: string): boolean {
    this.#skipBlank();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw new Fault('syntax');
  }
}
