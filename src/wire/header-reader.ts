/** Header names and values as HTTP allows them, and nothing that could be read as two (proxies.md §8.3). */

/** More than any proxy forwards; each costs work. */
export const maxHeaders = 1_000;

const isNameUnit = new Uint8Array(128);
for (const unit of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") isNameUnit[unit.charCodeAt(0)] = 1;

export type Lines = Map<string, readonly string[]>;

/** Collects header lines; `problem` says what cannot be believed. */
export class HeaderReader {
  readonly lines: Lines = new Map();
  problem: string | undefined;
  #count = 0;
  /** Pseudo headers and Host, which must say what the request line says. */
  readonly #pseudo = new Map<string, string>();

  add(rawName: string, value: string): void {
    if (++this.#count > maxHeaders) this.problem ??= `more than ${maxHeaders} headers`;
    if (this.problem !== undefined) return;
    const name = rawName.toLowerCase();
    if (!isValue(value)) this.problem = 'a header value holds a control character';
    else if (name.startsWith(':')) this.#addPseudo(name, value);
    else if (!isName(name)) this.problem = 'a header name is not a token';
    else this.#addLine(name, value);
  }

  /** The pseudo header's value; `host` stands for `:authority` where both are one. */
  pseudo(name: string): string | undefined {
    return this.#pseudo.get(name);
  }

  #addPseudo(name: string, value: string): void {
    if (this.#pseudo.has(name)) this.problem = `the pseudo header ${name} comes twice`;
    this.#pseudo.set(name, value);
  }

  #addLine(name: string, value: string): void {
    const before = this.lines.get(name);
    if (before === undefined) this.lines.set(name, [value]);
    else if (name === 'host') this.problem = 'there are two Host headers';
    else this.lines.set(name, [...before, value]);
  }
}

function isName(name: string): boolean {
  if (name.length === 0 || name.length > 256) return false;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit >= 128 || isNameUnit[unit] === 0) return false;
  }
  return true;
}

function isValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if ((unit < 32 && unit !== 9) || unit === 127) return false;
  }
  return true;
}
