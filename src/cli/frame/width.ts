import { stripVTControlCharacters } from 'node:util';

// Made when a text needs it: it takes longer than most commands do.
let segmenter: Intl.Segmenter | undefined;
const emoji = /\p{Emoji_Presentation}|\p{Extended_Pictographic}️/u;
const invisible = /^[\p{Mark}\p{Format}\p{Control}]+$/u;

/** East Asian Wide and Fullwidth, by block (UAX #11). */
const wideRanges: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x20000, 0x3fffd],
];

function clusterWidth(cluster: string): number {
  if (invisible.test(cluster)) return 0;
  if (emoji.test(cluster)) return 2;
  const code = cluster.codePointAt(0) ?? 0;
  return wideRanges.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}

/** Columns a terminal uses for the text; colour codes count nothing. */
export function displayWidth(text: string): number {
  const bare = stripVTControlCharacters(text);
  if (/^[\x20-\x7e]*$/.test(bare)) return bare.length;
  let width = 0;
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { segment } of segmenter.segment(bare)) width += clusterWidth(segment);
  return width;
}

/** Outside text made safe for a terminal: control characters and direction overrides are shown, not obeyed. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
