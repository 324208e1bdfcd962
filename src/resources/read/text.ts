import { readLimits } from './limits.ts';
import { ScalarNode, type SourceText } from './node.ts';

/** A place in a text with nothing read from it yet: what early findings stand on. */
export function placeAt(source: SourceText, offset: number): ScalarNode {
  const at = Math.max(0, Math.min(offset, source.text.length));
  return new ScalarNode(
    { source, start: at, end: at },
    { value: null, text: '', style: 'plain', format: 'yaml' },
  );
}

/** UTF-8 bytes to text; a sentence when they are none. A byte order mark is dropped. */
export function decodeText(bytes: Uint8Array): { readonly text: string } | { readonly problem: string } {
  const [a, b] = bytes;
  if ((a === 0xfe && b === 0xff) || (a === 0xff && b === 0xfe))
    return { problem: 'the text is UTF-16: save it as UTF-8' };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { problem: 'the text is not UTF-8' };
  }
}

/** Everything but tab and line ends below U+0020, DEL, C1 except NEL, lone surrogates, the two non-characters. */
const refused =
  /[\0-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]|\r(?!\n)|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Offset and name of the first character that no text of ours may hold. */
export function findRefusedCharacter(text: string): { offset: number; name: string } | undefined {
  const found = refused.exec(text);
  if (found === null) return undefined;
  const code = text.charCodeAt(found.index);
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return { offset: found.index, name: code === 0 ? 'NUL (U+0000)' : name };
}

export function isTooLong(text: string): boolean {
  if (text.length * 3 <= readLimits.documentBytes) return false;
  return text.length > readLimits.documentBytes || Buffer.byteLength(text, 'utf8') > readLimits.documentBytes;
}

/** Names that mean something to the objects of programs. */
export function isReservedName(name: string): boolean {
  return name === '__proto__' || name === 'constructor' || name === 'prototype';
}
