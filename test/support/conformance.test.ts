import { describe, expect, it } from 'vitest';
import { idsIn, judgeConformance, readCatalogue } from '../../scripts/support/conformance.ts';

const catalogue = [
  { id: 'csr:S7', source: 'csr', sourceTitle: '', text: 'a' },
  { id: 'csr:S8', source: 'csr', sourceTitle: '', text: 'b' },
  { id: 'csr:S9', source: 'csr', sourceTitle: '', text: 'c', reason: 'not yet' },
];
const test = (title: string, status: 'passed' | 'failed' | 'skipped') => ({
  title,
  file: 'x.test.ts',
  status,
});
const [s7, s8] = ['csr:S7', 'csr:S8'];

describe('conformance', () => {
  it('reads ids in parentheses and nothing else', () => {
    const sources = new Set(['csr', 'adv']);
    expect(idsIn(`a b: c (${s7} adv:C26, ${s8}) spiffe:X-1 (see rfc:5280) csr:S9`, sources)).toEqual([
      s7,
      'adv:C26',
      s8,
    ]);
  });

  it('is open where no test passes, where one of several fails, and where all are skipped', () => {
    expect(judgeConformance(catalogue, []).open).toEqual([s7, s8]);
    const mixed = [test(`a (${s7})`, 'passed'), test(`b (${s7})`, 'failed'), test(`c (${s8})`, 'skipped')];
    expect(judgeConformance(catalogue, mixed).open).toEqual([s7, s8]);
    const good = [test(`a (${s7})`, 'passed'), test(`c (${s8})`, 'passed')];
    expect(judgeConformance(catalogue, good).open).toEqual([]);
  });

  it('knows a misspelt id', () => {
    const typo = 'csr:S70';
    expect(judgeConformance(catalogue, [test(`a (${typo})`, 'passed')]).unknown).toEqual([
      { id: typo, file: 'x.test.ts' },
    ]);
  });

  it('has a catalogue that can be read, each id once', () => {
    const ids = readCatalogue().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(200);
  });
});
