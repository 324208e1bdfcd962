import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../base/bytes.ts';
import { checkDer, type DerLimits } from './der-gate.ts';
import { oidText } from './der-reader.ts';
import {
  derBitString,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derUnsigned,
  derUtf8String,
} from './der-writer.ts';

const limits: DerLimits = { maxBytes: 16_384, maxDepth: 20, maxNodes: 1500, strictText: true };
const passes = (hex: string) => expect(() => checkDer(fromHex(hex), limits)).not.toThrow();
const refuses = (bytes: Uint8Array, rule: string) =>
  expect(() => checkDer(bytes, limits)).toThrow(
    expect.objectContaining({ code: 'DER_MALFORMED', message: expect.stringContaining(rule) as string }),
  );

describe('the DER gate', () => {
  it.each([
    ['nothing', '', 'empty'],
    ['one octet', '30', 'truncated header'],
    ['a value cut short', '3003020100'.slice(0, 8), 'longer than what holds it'],
    ['bytes after the value (adv:C05)', '02010100', 'trailing bytes'],
    ['a length in four octets that fits in one (adv:C06)', '308400000003020101', 'shortest form'],
    ['a length in one octet too many (adv:C06)', '30810302 0101'.replace(' ', ''), 'shortest form'],
    ['an indefinite length (adv:C07)', '30800201010000', 'indefinite length'],
    ['a length of five octets', '3085000000000100', 'more than four'],
    ['a length that is cut', '3082', 'truncated length'],
    ['a child that is longer than its parent', '300402040101', 'longer than what holds it'],
    ['a constructed OCTET STRING (adv:C08)', '2403040101', 'constructed form'],
    ['a constructed BIT STRING (adv:C08)', '230403020001', 'constructed form'],
    ['a BOOLEAN of 01 (adv:C08)', '010101', 'neither 00 nor FF'],
    ['a BOOLEAN of two octets', '0102ffff', 'neither 00 nor FF'],
    ['a long-form tag (adv:C08)', '1f2000', 'long-form tag'],
    ['an INTEGER with a leading zero', '02020001', 'shortest form'],
    ['an INTEGER with a leading FF', '0202ff80', 'shortest form'],
    ['an INTEGER without content', '0200', 'without content'],
    ['a BIT STRING without content', '0300', 'without content'],
    ['a BIT STRING with nine unused bits', '03020900', 'bad unused bits'],
    ['an empty BIT STRING with unused bits', '030101', 'bad unused bits'],
    ['a BIT STRING whose unused bits are set', '03020101', 'unused bits that are set'],
    ['NULL with content', '050100', 'NULL with content'],
    ['an OID without content', '0600', 'OID of a bad length'],
    ['an OID arc with a leading 80', '06022a8001'.replace('0602', '0603'), 'arc not in its shortest form'],
    ['an OID that ends inside an arc', '06022a86', 'ends inside an arc'],
    ['UTF-8 that is none', '0c02c328', 'not UTF-8'],
    ['a PrintableString with an underscore', '13015f', 'characters of another type'],
    ['an IA5String beyond ASCII', '160180', 'characters of another type'],
    ['a NumericString with a letter', '120161', 'characters of another type'],
    ['a BMPString of odd length', '1e0100', 'odd length'],
    ['a UniversalString of two octets', '1c020000', 'bad length'],
    ['a time without seconds', '170b323630363031313230305a'.slice(0, 26), 'time not written as seconds'],
    ['a time with a zone', '1711323630363031313230303030 2b30323030'.replace(' ', ''), 'time not written'],
    ['a time with a letter', '170d3236303630313132303030615a', 'something else than digits'],
    ['an application tag', '4100', 'application or private'],
    ['a private tag', 'c100', 'application or private'],
    ['a type X.509 does not use', '090100', 'does not use'],
  ])('refuses %s', (_what, hex, rule) => refuses(fromHex(hex), rule));

  it('passes what those become when they are written right', () => {
    for (const hex of [
      '3003020101',
      '0101ff',
      '010100',
      '020101',
      '02020080',
      '0201ff',
      '03020780',
      '030100',
    ])
      passes(hex);
    for (const hex of [
      '0500',
      '06022a03',
      '0c02c3a9',
      '130141',
      '1300',
      '1e020041',
      '170d3236303630313132303030305a',
    ])
      passes(hex);
  });

  it('stops at 20 levels and at 1,500 values, long before 5,000 levels or a megabyte of NULLs (adv:C09)', () => {
    let nested: Uint8Array = derSequence();
    for (let level = 1; level < 20; level++) nested = derSequence(nested);
    expect(() => checkDer(nested, limits)).not.toThrow();
    refuses(derSequence(nested), 'deeper than 20 levels');
    const nulls = (count: number) => derSequence(fromHex('0500'.repeat(count)));
    expect(() => checkDer(nulls(1499), limits)).not.toThrow();
    refuses(nulls(1500), 'more than 1500 values');
    let deep = derSequence();
    for (let level = 1; level < 3000; level++) deep = derSequence(deep);
    refuses(deep, 'deeper than 20 levels');
    for (let level = 3000; level < 5000; level++) deep = derSequence(deep);
    refuses(deep, 'longer than 16384 bytes');
    refuses(nulls(500_000), 'longer than 16384 bytes');
  });

  it('passes everything that our writer writes', () => {
    const leaf = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => derOctetString(bytes)),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => derUnsigned(bytes)),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => derBitString(bytes)),
      fc.string({ unit: 'grapheme', maxLength: 20 }).map(derUtf8String),
    );
    const { tree } = fc.letrec<{ tree: Uint8Array }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('tree'), { maxLength: 4 }).map((members) => derSequence(...members)),
        fc.array(tie('tree'), { maxLength: 4 }).map((members) => derSet(...members)),
      ),
    }));
    fc.assert(
      fc.property(tree, (bytes) => checkDer(bytes, { ...limits, maxDepth: 60 })),
      { numRuns: 100 },
    );
  });
});

describe('object identifiers', () => {
  it('are read with arcs of any size exactly, never cut to 32 bits', () => {
    const first = fc
      .constantFrom('0', '1')
      .chain((a) => fc.integer({ min: 0, max: 39 }).map((b) => `${a}.${b}`));
    const second = fc.bigInt({ min: 0n, max: 2n ** 100n }).map((b) => `2.${b}`);
    const rest = fc.array(fc.bigInt({ min: 0n, max: 2n ** 80n }), { maxLength: 3 });
    fc.assert(
      fc.property(fc.oneof(first, second), rest, (head, arcs) => {
        const dotted = [head, ...arcs].join('.');
        const der = derOid(dotted);
        expect(oidText(der, 2, der.length)).toBe(dotted);
      }),
      { numRuns: 100 },
    );
  });
});
