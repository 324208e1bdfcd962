import type { Finding } from '../finding.ts';
import { type ReadCode, readFinding } from './catalogue.ts';
import { readLimits } from './limits.ts';
import {
  ListNode,
  type MapEntry,
  MapNode,
  type PositionedNode,
  ScalarNode,
  type SourceText,
} from './node.ts';
import { isReservedName, isTooLong, placeAt } from './text.ts';

class Refusal {
  readonly finding: Finding;
  constructor(finding: Finding) {
    this.finding = finding;
  }
}

const numberShape = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const blank = /[ \t\r\n]*/y;
const plainRun = /[^"\\\0-\x1f]*/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** RFC 8259, strictly, one value after another, with positions. */
class JsonReader {
  readonly #source: SourceText;
  readonly #text: string;
  #at = 0;

  constructor(source: SourceText) {
    this.#source = source;
    this.#text = source.text;
  }

  /** The next value of the stream; undefined at its end. */
  next(): PositionedNode | undefined {
    this.#skip(blank);
    return this.#at >= this.#text.length ? undefined : this.#value(0);
  }

  #value(depth: number): PositionedNode {
    const c = this.#text[this.#at];
    if (c === '{') return this.#object(depth + 1);
    if (c === '[') return this.#array(depth + 1);
    if (c === '"') return this.#string();
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const)
      if (this.#text.startsWith(word, this.#at)) return this.#scalar(word.length, value);
    return this.#number();
  }

  #object(depth: number): MapNode {
    const start = this.#open(depth);
    const entries: MapEntry[] = [];
    const seen = new Set<string>();
    if (!this.#take('}'))
      do {
        this.#skip(blank);
        if (this.#text[this.#at] !== '"') throw this.#refuse('expected a field name in double quotes');
        const key = this.#string();
        const problem = nameProblem(key.text, seen);
        if (problem !== undefined) throw new Refusal(readFinding(problem.code, key, problem.message));
        seen.add(key.text);
        this.#expect(':');
        this.#skip(blank);
        entries.push({ key, value: this.#value(depth) });
      } while (this.#more('}'));
    return new MapNode(this.#source, start, this.#at, entries);
  }

  #array(depth: number): ListNode {
    const start = this.#open(depth);
    const items: PositionedNode[] = [];
    if (!this.#take(']'))
      do {
        this.#skip(blank);
        items.push(this.#value(depth));
      } while (this.#more(']'));
    return new ListNode(this.#source, start, this.#at, items);
  }

  #open(depth: number): number {
    if (depth > readLimits.depth)
      throw this.#refuse(`nested deeper than ${readLimits.depth} levels`, 'CAS0902');
    return this.#at++;
  }

  #string(): ScalarNode {
    const start = this.#at++;
    let value = '';
    for (;;) {
      const from = this.#at;
      this.#skip(plainRun);
      value += this.#text.slice(from, this.#at);
      const c = this.#text[this.#at];
      if (c === '"') break;
      if (c !== '\\') throw this.#refuse('a string ends without its closing quote');
      value += this.#escape();
    }
    this.#at++;
    if (!value.isWellFormed() || value.includes('\0'))
      throw this.#refuse('a string holds a NUL or half a surrogate pair', 'CAS0901', start);
    return new ScalarNode(
      { source: this.#source, start, end: this.#at },
      { value, text: value, style: 'quoted', format: 'json' },
    );
  }

  #escape(): string {
    const c = this.#text[this.#at + 1] ?? '';
    if (c === 'u') {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#refuse('expected four hexadecimal digits after \\u');
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const plain = Object.hasOwn(escapes, c) ? escapes[c] : undefined;
    if (plain === undefined) throw this.#refuse('unknown escape in a string');
    this.#at += 2;
    return plain;
  }

  #number(): ScalarNode {
    numberShape.lastIndex = this.#at;
    const found = numberShape.exec(this.#text);
    if (found === null) throw this.#refuse('expected a JSON value');
    const value = Number(found[0]);
    if (!Number.isFinite(value)) throw this.#refuse('a number is too large');
    return this.#scalar(found[0].length, value);
  }

  #scalar(length: number, value: number | boolean | null): ScalarNode {
    const start = this.#at;
    this.#at += length;
    if (/[A-Za-z0-9_.+-]/.test(this.#text[this.#at] ?? ''))
      throw this.#refuse('expected a JSON value', 'CAS0903', start);
    const place = { source: this.#source, start, end: this.#at };
    return new ScalarNode(place, {
      value,
      text: this.#text.slice(start, this.#at),
      style: 'plain',
      format: 'json',
    });
  }

  #more(close: string): boolean {
    if (this.#take(',')) return true;
    this.#expect(close);
    return false;
  }

  #take(c: string): boolean {
    this.#skip(blank);
    if (this.#text[this.#at] !== c) return false;
    this.#at++;
    return true;
  }

  #expect(c: string): void {
    if (!this.#take(c)) throw this.#refuse(`expected \`${c}\``);
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    pattern.exec(this.#text);
    this.#at = pattern.lastIndex;
  }

  #refuse(message: string, code: ReadCode = 'CAS0903', offset = this.#at): Refusal {
    return new Refusal(readFinding(code, placeAt(this.#source, offset), message));
  }
}

function nameProblem(
  name: string,
  seen: ReadonlySet<string>,
): { code: ReadCode; message: string } | undefined {
  if (isReservedName(name)) return { code: 'CAS0907', message: `the field name \`${name}\` is reserved` };
  if (seen.has(name)) return { code: 'CAS0906', message: `the field \`${name}\` is written twice` };
  return undefined;
}

/** Reads a stream of JSON values. A broken value ends the stream: nothing after it can be told apart. */
export function readJson(source: SourceText): { roots: PositionedNode[]; findings: Finding[] } {
  const reader = new JsonReader(source);
  const roots: PositionedNode[] = [];
  try {
    for (let root = reader.next(); root !== undefined; root = reader.next()) {
      if (roots.length === readLimits.documents)
        throw new Refusal(
          readFinding('CAS0902', root, `more than ${readLimits.documents} documents in one text`),
        );
      if (isTooLong(source.text.slice(root.start, root.end)))
        throw new Refusal(
          readFinding('CAS0902', root, `a document is longer than ${readLimits.documentBytes} bytes`),
        );
      roots.push(root);
    }
  } catch (refusal) {
    if (refusal instanceof Refusal) return { roots, findings: [refusal.finding] };
    throw refusal;
  }
  return { roots, findings: [] };
}
