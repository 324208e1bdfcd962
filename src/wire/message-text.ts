/**
 * Writes small protobuf messages as text of one character a byte. For an answer that every request waits for: building
 * message objects first, and then writing those, costs several times as much. What it writes is compared with the
 * generated code by a test.
 */

/** Bytes, each as a character up to U+00FF. */
export type MessageText = string;

/** A string field, also an empty one: inside `repeated` and `map` it counts. */
export function textField(field: number, value: string): MessageText {
  const bytes = isAscii(value) ? value : Buffer.from(value, 'utf8').toString('latin1');
  return delimited(field, bytes);
}

export function messageField(field: number, body: MessageText): MessageText {
  return delimited(field, body);
}

/** A non-negative integer, enum or boolean. */
export function numberField(field: number, value: number): MessageText {
  return varint(field << 3) + varint(value);
}

export function messageBytes(text: MessageText): Uint8Array {
  return Buffer.from(text, 'latin1');
}

function delimited(field: number, bytes: MessageText): MessageText {
  return varint((field << 3) | 2) + varint(bytes.length) + bytes;
}

function varint(value: number): MessageText {
  if (value < 0x80) return String.fromCharCode(value);
  let text = '';
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) text += String.fromCharCode((rest % 0x80) | 0x80);
  return text + String.fromCharCode(rest);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}
