import { TextTrie } from './text-trie.ts';

/** One Istio string value, read (policy.md §3.6). A wildcard counts only alone or at one end; elsewhere it is a letter. */
export interface TextPattern {
  readonly kind: 'any' | 'exact' | 'prefix' | 'suffix';
  readonly text: string;
}

/** Test order is Istio's: `*` alone, then a leading `*`, then a trailing one. */
export function readTextPattern(value: string): TextPattern {
  if (value === '*') return { kind: 'any', text: '' };
  if (value.startsWith('*')) return { kind: 'suffix', text: value.slice(1) };
  if (value.endsWith('*')) return { kind: 'prefix', text: value.slice(0, -1) };
  return { kind: 'exact', text: value };
}

export function matchesTextPattern(pattern: TextPattern, text: string): boolean {
  switch (pattern.kind) {
    case 'any':
      return text !== '';
    case 'exact':
      return text === pattern.text;
    case 'prefix':
      return text.startsWith(pattern.text);
    case 'suffix':
      return text.endsWith(pattern.text);
  }
}

/** Values of one field, any of which may match. */
export interface TextMatcher {
  readonly values: readonly string[];
  /** `*` is among the values: any text that is not empty. */
  readonly any: boolean;
  matches(text: string): boolean;
}

/** The usual case is one value: the smallest object for it. */
export function compileTexts(values: readonly string[]): TextMatcher {
  return values.length === 1 ? new OneText(values) : new ManyTexts(values);
}

class OneText implements TextMatcher {
  readonly values: readonly string[];
  readonly #kind: TextPattern['kind'];
  readonly #text: string;

  constructor(values: readonly string[]) {
    const { kind, text } = readTextPattern(values[0] as string);
    this.values = values;
    this.#kind = kind;
    this.#text = text;
  }

  get any(): boolean {
    return this.#kind === 'any';
  }

  matches(text: string): boolean {
    switch (this.#kind) {
      case 'exact':
        return text === this.#text;
      case 'any':
        return text !== '';
      case 'prefix':
        return text.startsWith(this.#text);
      case 'suffix':
        return text.endsWith(this.#text);
    }
  }
}

/** Up to this many alternatives, comparing one by one beats a walk. */
const fewAffixes = 6;
const noTexts: readonly string[] = [];

/** Exact values in a hash set, many prefixes or suffixes in a trie: the cost does not grow with their number. */
class ManyTexts implements TextMatcher {
  readonly values: readonly string[];
  readonly any: boolean;
  readonly #exact: ReadonlySet<string> | undefined;
  readonly #prefixes: readonly string[];
  readonly #suffixes: readonly string[];
  readonly #prefixTrie: TextTrie<true> | undefined;
  readonly #suffixTrie: TextTrie<true> | undefined;

  constructor(values: readonly string[]) {
    this.values = values;
    const patterns = values.map(readTextPattern);
    this.any = patterns.some(({ kind }) => kind === 'any');
    const exact = textsOf(patterns, 'exact');
    this.#exact = exact.length > 0 ? new Set(exact) : undefined;
    const prefixes = textsOf(patterns, 'prefix');
    const suffixes = textsOf(patterns, 'suffix');
    this.#prefixTrie = prefixes.length > fewAffixes ? buildTrie(prefixes, 'forward') : undefined;
    this.#suffixTrie = suffixes.length > fewAffixes ? buildTrie(suffixes, 'backward') : undefined;
    this.#prefixes = this.#prefixTrie === undefined ? prefixes : noTexts;
    this.#suffixes = this.#suffixTrie === undefined ? suffixes : noTexts;
  }

  matches(text: string): boolean {
    if (this.any && text !== '') return true;
    if (this.#exact?.has(text)) return true;
    for (const prefix of this.#prefixes) if (text.startsWith(prefix)) return true;
    for (const suffix of this.#suffixes) if (text.endsWith(suffix)) return true;
    if (this.#prefixTrie?.hasAffixOf(text)) return true;
    return this.#suffixTrie?.hasAffixOf(text) ?? false;
  }
}

function textsOf(patterns: readonly TextPattern[], kind: TextPattern['kind']): readonly string[] {
  const texts = patterns.filter((pattern) => pattern.kind === kind).map(({ text }) => text);
  return texts.length === 0 ? noTexts : texts;
}

function buildTrie(texts: readonly string[], direction: 'forward' | 'backward'): TextTrie<true> {
  const trie = new TextTrie<true>(direction);
  for (const text of texts) trie.at(text, () => true);
  return trie;
}

/** Folds A-Z only: folding by Unicode would make one host name of two (the Kelvin sign and `k`). */
export function foldAscii(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 65 && unit <= 90) return foldFrom(text, i);
  }
  return text;
}

function foldFrom(text: string, from: number): string {
  let folded = text.slice(0, from);
  for (let i = from; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    folded += unit >= 65 && unit <= 90 ? String.fromCharCode(unit + 32) : text[i];
  }
  return folded;
}
