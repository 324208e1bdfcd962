/** Header names and values as HTTP allows them, and nothing that could be read as two (proxies.md §8.3). */

/** More than any proxy forwards; each costs work. */
export const maxHeaders = 1_000;

const nameShape = /^[!#$%&'*+\-.^_`|~0-9a-zA-Z]{1,256}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\x00-\x08\x0a-\x1f\x7f]/;
const colon = 58;

/** Names that came before, in lower case: requests bring the same few again and again. */
const knownNames = new Map<string, string>();
const mostKnown = 1_000;

export type Lines = Map<string, readonly string[]>;

/** Collects header lines; `problem` says what cannot be believed. */
export class HeaderReader {
  readonly lines: Lines = new Map();
  problem: string | undefined;
  #count = 0;
  /** Pseudo headers and Host, which must say what the request line says. */
  #pseudo: Map<string, string> | undefined;

  add(rawName: string, value: string): void {
    if (++this.#count > maxHeaders) this.problem ??= `more than ${maxHeaders} headers`;
    if (this.problem !== undefined) return;
    const name = knownNames.get(rawName) ?? readName(rawName);
    if (controls.test(value)) this.problem = 'a header value holds a control character';
    else if (name !== undefined) this.#addLine(name, value);
    else if (rawName.charCodeAt(0) === colon) this.#addPseudo(rawName.toLowerCase(), value);
    else this.problem = 'a header name is not a token';
  }

  /** The pseudo header's value; `host` stands for `:authority` where both are one. */
  pseudo(name: string): string | undefined {
    return this.#pseudo?.get(name);
  }

  #addPseudo(name: string, value: string): void {
    this.#pseudo ??= new Map();
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

/** In lower case; undefined when it is none. */
function readName(rawName: string): string | undefined {
  if (!nameShape.test(rawName)) return undefined;
  const name = rawName.toLowerCase();
  // A copy of its own: a name cut out of a message would keep that message.
  if (knownNames.size < mostKnown && name.length <= 64) knownNames.set(owned(rawName), owned(name));
  return name;
}

function owned(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
