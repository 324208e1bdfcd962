import { x509Errors } from './errors.ts';

function refuse(problem: string): never {
  throw x509Errors.PEM_MALFORMED({ message: `not the expected PEM: ${problem}`, details: { problem } });
}

const begin = '-----BEGIN ';
const dashes = '-----';

interface Block {
  readonly label: string;
  readonly der: Uint8Array;
  readonly end: number;
}

/** Reads the block that begins at `at`. Everything is searched forward once, so time is linear in the text. */
function readBlock(text: string, at: number): Block {
  const labelEnd = text.indexOf(dashes, at + begin.length);
  if (labelEnd === -1 || labelEnd - at > 100) refuse('the BEGIN line has no end');
  const label = text.slice(at + begin.length, labelEnd);
  let bodyStart = labelEnd + dashes.length;
  if (text[bodyStart] === '\r') bodyStart++;
  if (text[bodyStart] !== '\n') refuse('something follows BEGIN on its line');
  bodyStart++;
  const bodyEnd = text.indexOf(dashes, bodyStart);
  const footer = `-----END ${label}-----`;
  if (bodyEnd === -1 || !text.startsWith(footer, bodyEnd)) refuse('no END line that matches BEGIN');
  return { label, der: readBody(text, bodyStart, bodyEnd), end: bodyEnd + footer.length };
}

/** RFC 7468 §3, strict: lines of the base64 alphabet, each ended, none empty. One pass, no backtracking (C40). */
const bodyShape = /^(?:[A-Za-z0-9+/=]+\r?\n)+$/;

function readBody(text: string, start: number, end: number): Uint8Array {
  const body = text.slice(start, end);
  if (!bodyShape.test(body)) refuse('the body is not lines of base64');
  const packed = body.replace(/\r?\n/g, '');
  const der = Buffer.from(packed, 'base64');
  // Buffer reads base64 leniently; only its canonical spelling writes back as it was read.
  if (der.toString('base64') !== packed) refuse('the body is not canonical base64');
  return der;
}

const isBlank = (text: string, from: number, to: number): boolean => {
  for (let i = from; i < to; i++) if (!' \t\r\n'.includes(text[i] as string)) return false;
  return true;
};

/** Exactly one block of one of `labels`, with nothing but blanks around it (C02, D3). */
export function readSinglePem(text: string, labels: readonly string[]): Uint8Array {
  const at = text.indexOf(begin);
  if (at === -1) refuse(isBlank(text, 0, text.length) ? 'it is empty' : 'no BEGIN line');
  if (!isBlank(text, 0, at)) refuse('text before the block');
  const block = readBlock(text, at);
  if (!labels.includes(block.label)) refuse(`the label is not ${labels[0] ?? ''}`);
  if (!isBlank(text, block.end, text.length)) refuse('text or a second block after the block');
  return block.der;
}

/**
 * Every block of a file that an operator wrote: all must have `label`. Text between blocks is allowed, since
 * `openssl x509 -text` writes some.
 */
export function readManyPem(text: string, label: string, maxBlocks: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = text.indexOf(begin); at !== -1; ) {
    if (found.length >= maxBlocks) refuse(`more than ${maxBlocks} blocks`);
    const block = readBlock(text, at);
    if (block.label !== label) refuse(`a block is labelled other than ${label}`);
    found.push(block.der);
    at = text.indexOf(begin, block.end);
  }
  return found;
}

/** One PEM block, lines of 64, ended by a newline. */
export function formatPem(label: string, der: Uint8Array): string {
  const body = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  let text = `-----BEGIN ${label}-----\n`;
  for (let i = 0; i < body.length; i += 64) text += `${body.slice(i, i + 64)}\n`;
  return `${text}-----END ${label}-----\n`;
}

export const formatCertificatePem = (der: Uint8Array): string => formatPem('CERTIFICATE', der);
export const formatCrlPem = (der: Uint8Array): string => formatPem('X509 CRL', der);
