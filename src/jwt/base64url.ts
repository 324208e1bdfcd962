const alphabet = /^[A-Za-z0-9_-]*$/;

/**
 * Strict base64url (RFC 7515 §2): no padding, no blanks, none of `+/`, and no bits left over in the last character, so
 * that one value has one text. Undefined for anything else.
 */
export function decodeBase64url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1 || !alphabet.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  const rest = text.length % 4;
  if (rest !== 0 && bytes.toString('base64url').slice(-rest) !== text.slice(-rest)) return undefined;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
