import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cidr, cidrContains, type IpAddress, parseIp, parseIpBlock } from '../../base/ip.ts';
import { IpTree } from './ip-tree.ts';
import { compileTexts, matchesTextPattern, readTextPattern } from './text-patterns.ts';
import { TextTrie } from './text-trie.ts';

const word = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 6 });

describe('the structures behind the index', () => {
  it('a trie finds exactly the keys that a text begins or ends with', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 20 }), word, (keys, text) => {
        for (const direction of ['forward', 'backward'] as const) {
          const trie = new TextTrie<string>(direction);
          for (const key of keys) trie.at(key, () => key);
          const found: string[] = [];
          trie.collect(text, found);
          const isAffix = (key: string) =>
            direction === 'forward' ? text.startsWith(key) : text.endsWith(key);
          const want = [...new Set(keys)].filter(isAffix).sort((x, y) => x.length - y.length);
          expect(found).toEqual(want);
          expect(trie.hasAffixOf(text)).toBe(want.length > 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('many values match what each of them matches', () => {
    fc.assert(
      fc.property(
        fc.array(
          word.filter((value) => value !== ''),
          { minLength: 1, maxLength: 30 },
        ),
        word,
        (values, text) => {
          const want = values.some((value) => matchesTextPattern(readTextPattern(value), text));
          expect(compileTexts(values).matches(text)).toBe(want);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('a tree of ranges finds exactly the ranges that hold an address, widest first', () => {
    const octet = fc.constantFrom(0, 1, 127, 128, 255);
    const v4 = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.'));
    const v6 = fc
      .tuple(fc.constantFrom('2001', '0', 'ffff'), fc.constantFrom('0', '8000', 'db8'))
      .map(([a, b]) => `${a}:${b}::1`);
    const range = fc
      .oneof(fc.tuple(v4, fc.integer({ min: 0, max: 32 })), fc.tuple(v6, fc.integer({ min: 0, max: 128 })))
      .map(([address, length]) => parseIpBlock(`${address}/${length}`) as Cidr);
    fc.assert(
      fc.property(fc.array(range, { maxLength: 30 }), fc.oneof(v4, v6), (ranges, text) => {
        const ip = parseIp(text) as IpAddress;
        const tree = new IpTree<string>();
        for (const one of ranges) tree.at(one, () => one.text);
        const found: string[] = [];
        tree.collect(ip, found);
        const want = new Map(
          ranges.filter((one) => cidrContains(one, ip)).map((one) => [one.text, one.prefixLength]),
        );
        expect(found).toEqual([...want].sort(([, x], [, y]) => x - y).map(([key]) => key));
        expect(tree.covers(ip)).toBe(want.size > 0);
      }),
      { numRuns: 300 },
    );
  });
});
