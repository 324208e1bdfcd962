import { describe, expect, it } from 'vitest';
import { Interned } from './interned.ts';

describe('texts that come again', () => {
  it('are one value each', () => {
    const made: string[] = [];
    const values = new Interned(2, (text) => {
      made.push(text);
      return { text };
    });
    expect(values.of('a')).toBe(values.of('a'));
    expect(made).toEqual(['a']);
  });

  it('are forgotten together when there are too many', () => {
    const values = new Interned(2, (text) => ({ text }));
    const first = values.of('a');
    for (const text of ['b', 'c', 'd', 'e']) values.of(text);
    expect(values.size).toBeLessThanOrEqual(2);
    expect(values.of('a')).not.toBe(first);
    expect(values.of('a')).toEqual({ text: 'a' });
  });

  it('are not remembered when they cannot be made', () => {
    const values = new Interned(2, (text): string => {
      throw new TypeError(text);
    });
    expect(() => values.of('a')).toThrow('a');
    expect(values.size).toBe(0);
  });
});
