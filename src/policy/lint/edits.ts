import type { PositionedNode, TextEdit } from '../../resources/index.ts';

const plainText = /^[A-Za-z_/][A-Za-z0-9_./-]*$/;
const reserved = /^(y|n|yes|no|on|off|true|false|null)$/i;

/** The same value in other words, quoted as it was. */
export function editScalar(node: PositionedNode, text: string): readonly TextEdit[] {
  if (node.kind !== 'scalar' || node.style === 'block') return [];
  const keepsPlain =
    node.style === 'plain' && node.format === 'yaml' && plainText.test(text) && !reserved.test(text);
  return [{ start: node.start, end: node.end, text: keepsPlain ? text : JSON.stringify(text) }];
}

/** One more item behind `item` in a list, in the list's own style. */
export function appendItem(list: PositionedNode, item: PositionedNode, text: string): readonly TextEdit[] {
  if (list.kind !== 'list' || item.kind !== 'scalar' || item.style === 'block') return [];
  const source = list.source.text;
  const added = JSON.stringify(text);
  if (source[list.start] === '[') return [{ start: item.end, end: item.end, text: `, ${added}` }];
  const lineStart = source.lastIndexOf('\n', item.start - 1) + 1;
  const before = source.slice(lineStart, item.start);
  // Only the plain shape `  - value`: anything else on the line is left to its author.
  if (!/^ *- *$/.test(before)) return [];
  const lineEnd = source.indexOf('\n', item.end);
  const at = lineEnd === -1 ? source.length : lineEnd;
  return [{ start: at, end: at, text: `\n${before}${added}` }];
}

/** Writes edits into a text; of two that overlap the first by place counts. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const sorted = edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
  let out = '';
  let at = 0;
  let last: TextEdit | undefined;
  for (const edit of sorted) {
    const isRepeated =
      last !== undefined && last.start === edit.start && last.end === edit.end && last.text === edit.text;
    if (edit.start < at || isRepeated) continue;
    out += text.slice(at, edit.start) + edit.text;
    at = edit.end;
    last = edit;
  }
  return out + text.slice(at);
}
