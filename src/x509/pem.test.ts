import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPem, readManyPem, readSinglePem } from './pem.ts';

const label = 'CERTIFICATE REQUEST';
const pem = formatPem(
  label,
  Uint8Array.from({ length: 100 }, (_, i) => i),
);
const refuses = (text: string, problem: string) =>
  expect(() => readSinglePem(text, [label, 'NEW CERTIFICATE REQUEST'])).toThrow(
    expect.objectContaining({ code: 'PEM_MALFORMED', message: expect.stringContaining(problem) as string }),
  );

describe('a PEM document of one block', () => {
  it('is read as it was written, whatever the bytes and line ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.boolean(), (bytes, windows) => {
        const text = formatPem(label, bytes);
        const read = readSinglePem(windows ? text.replaceAll('\n', '\r\n') : text, [label]);
        expect([...read]).toEqual([...bytes]);
      }),
      { numRuns: 100 },
    );
  });

  it('may be labelled NEW CERTIFICATE REQUEST, and stand between blanks', () => {
    const renamed = pem.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST');
    expect(readSinglePem(`\n  ${renamed}\r\n\t\n`, [label, 'NEW CERTIFICATE REQUEST'])).toHaveLength(100);
  });

  it.each([
    ['empty text (adv:C01)', '', 'it is empty'],
    ['blanks only (adv:C01)', ' \r\n\t', 'it is empty'],
    ['no block', 'hello', 'no BEGIN line'],
    ['text before the block (adv:C02)', `x\n${pem}`, 'text before the block'],
    ['text after the block (adv:C02)', `${pem}x`, 'text or a second block after'],
    ['two blocks (adv:C02)', `${pem}${pem}`, 'text or a second block after'],
    ['another label (adv:C02)', pem.replaceAll(label, 'CERTIFICATE'), 'the label is not'],
    [
      'a label that ends otherwise than it began',
      pem.replace(`END ${label}`, 'END CERTIFICATE'),
      'no END line',
    ],
    ['no END line', pem.slice(0, -30), 'no END line'],
    ['a BEGIN line that goes on', pem.replace('-----\n', '----- x\n'), 'something follows BEGIN'],
    [
      'headers in the block',
      pem.replace('-----\n', '-----\nProc-Type: 4,ENCRYPTED\n\n'),
      'not lines of base64',
    ],
    ['an empty body', `-----BEGIN ${label}-----\n-----END ${label}-----\n`, 'not lines of base64'],
    ['a blank inside a line', pem.replace('AAEC', 'AA EC'), 'not lines of base64'],
    ['an empty line', pem.replace('AAEC', 'AAEC\n\n'), 'not lines of base64'],
    ['the URL alphabet', pem.replace('AAEC', 'AA-_'), 'not lines of base64'],
    ['missing padding', pem.replace('==\n', '\n'), 'not canonical base64'],
    ['unused bits that are set', pem.replace('Yw==', 'Yx=='), 'not canonical base64'],
    ['padding in the middle', pem.replace('AAEC', 'AA=='), 'not canonical base64'],
  ])('is refused for %s', (_what, text, problem) => refuses(text, problem));
});

describe('a PEM file of several blocks', () => {
  const two = `subject=a\n${formatPem('CERTIFICATE', Uint8Array.of(1))}# note\n${formatPem('CERTIFICATE', Uint8Array.of(2))}`;

  it('is read in order, with the text that openssl writes between', () => {
    expect(readManyPem(two, 'CERTIFICATE', 2).map((der) => der[0])).toEqual([1, 2]);
    expect(readManyPem('no blocks', 'CERTIFICATE', 2)).toEqual([]);
  });

  it('is refused with a block of another label, or with too many', () => {
    expect(() =>
      readManyPem(`${two}${formatPem('PRIVATE KEY', Uint8Array.of(1))}`, 'CERTIFICATE', 9),
    ).toThrow(/labelled other than CERTIFICATE/);
    expect(() => readManyPem(two, 'CERTIFICATE', 1)).toThrow(/more than 1 blocks/);
  });
});
