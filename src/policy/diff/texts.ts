import { isPathTemplate } from '../match/path-template.ts';
import { readTextPattern } from '../match/text-patterns.ts';

/**
 * Texts that stand for all texts, as far as some values can tell them apart (policy.md §3.6): every exact value, and for
 * every pair of a prefix and a suffix (or neither) a text that has just these.
 */
export function textExamples(values: readonly string[]): readonly string[] {
  const patterns = values.map(readTextPattern);
  const of = (kind: 'exact' | 'prefix' | 'suffix') =>
    patterns.filter((pattern) => pattern.kind === kind).map(({ text }) => text);
  const prefixes = ['', ...of('prefix')];
  const suffixes = ['', ...of('suffix')];
  const texts = new Set(of('exact'));
  for (const prefix of prefixes) for (const suffix of suffixes) texts.add(`${prefix}${filler}${suffix}`);
  for (const affix of [...prefixes, ...suffixes]) if (affix !== '') texts.add(affix);
  return [...texts];
}

/** In no policy's words. */
export const filler = 'zq';

/** How many texts one template may give. */
const maxPerTemplate = 200;

/** The same for paths, templates included: operators take every segment that the other values speak of. */
export function pathExamples(values: readonly string[]): readonly string[] {
  const plain = values.filter((value) => !isPathTemplate(value));
  const templates = values.filter(isPathTemplate);
  const texts = new Set(textExamples(plain).map(rooted));
  texts.add('/');
  const segments = new Set([filler]);
  for (const value of values)
    for (const segment of value.split('/'))
      if (segment !== '' && !segment.includes('{')) {
        const bare = segment.split('*').join('');
        if (bare !== '') segments.add(bare).add(bare + filler);
      }
  for (const template of templates)
    for (const text of fillTemplate(template, [...segments], tailsFor(template, plain)))
      texts.add(rooted(text));
  return [...texts];
}

/** What `{**}` may stand for: nothing, anything, and what makes the whole match another value as well. */
function tailsFor(template: string, plain: readonly string[]): readonly string[] {
  const head = template.slice(0, template.indexOf('{**}'));
  const tails = new Set(['', filler, `${filler}/${filler}`]);
  for (const value of plain) {
    const { kind, text } = readTextPattern(value);
    const bare = text.startsWith('/') ? text.slice(1) : text;
    tails.add(text).add(bare).add(`${bare}${filler}`).add(`${filler}${text}`);
    if (bare.endsWith('/')) tails.add(bare.slice(0, -1));
    const isBehindHead = kind !== 'suffix' && text.startsWith(head);
    if (isBehindHead) tails.add(text.slice(head.length)).add(`${text.slice(head.length)}${filler}`);
  }
  return [...tails];
}

function fillTemplate(
  template: string,
  segments: readonly string[],
  tails: readonly string[],
): readonly string[] {
  let texts: readonly string[] = [template];
  while (texts.some((text) => text.includes('{*}')))
    texts = texts
      .flatMap((text) => segments.map((segment) => text.replace('{*}', segment)))
      .slice(0, maxPerTemplate);
  if (!template.includes('{**}')) return texts;
  return texts.flatMap((text) => tails.map((tail) => text.replace('{**}', tail))).slice(0, maxPerTemplate);
}

function rooted(text: string): string {
  return text.startsWith('/') ? text : `/${text}`;
}

/** Spellings that levels of normalisation read differently (policy.md §3.9). */
export function pathSpellings(paths: readonly string[]): readonly string[] {
  const spellings = new Set<string>();
  for (const path of paths) {
    spellings
      .add(`/${path}`)
      .add(`${path}#${filler}`)
      .add(`${path}%00`)
      .add(`/.${path}`)
      .add(`${path};${filler}`);
    for (let at = path.indexOf('/', 1); at !== -1; at = path.indexOf('/', at + 1))
      for (const other of ['//', '%2F', '\\', '/./', '%5c'])
        spellings.add(path.slice(0, at) + other + path.slice(at + 1));
  }
  for (const start of paths.slice(0, maxDetours))
    for (const end of paths.slice(0, maxDetours))
      if (start !== '/') spellings.add(`${start}${'/..'.repeat(start.split('/').length - 1)}${end}`);
  return [...spellings];
}

const maxDetours = 20;
