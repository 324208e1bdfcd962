import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, hours, milliseconds, parseDuration } from './duration.ts';
import { defineErrors, isCastellanError } from './errors.ts';
import { nearestName } from './nearest.ts';
import { ulid } from './random.ts';
import { Secret } from './secret.ts';

describe('durations', () => {
  it('are written as Go writes them, since Istio clients match on that text', () => {
    expect(formatDuration(hours(3))).toBe('3h0m0s');
    expect(formatDuration(milliseconds(1500))).toBe('1.5s');
    expect(formatDuration(milliseconds(90_000))).toBe('1m30s');
  });

  it('survive being written and read again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (ms) => {
        expect(parseDuration(formatDuration(milliseconds(ms)))).toBe(ms);
      }),
      { numRuns: 100 },
    );
  });

  it.each(['', 'h', '1', '1x', '-1h', '1h ', ' 1h', '1e3s'])('refuse %j by code', (text) => {
    expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'DURATION_MALFORMED' }));
  });
});

describe('errors', () => {
  const errors = defineErrors({
    TEA_COLD: { kind: 'invalid', message: 'the tea is cold', next: 'boil water' },
  });

  it('carry the code and kind of their catalogue row, and keep the private cause out of the message', () => {
    const error = errors.TEA_COLD({ cause: new Error('kettle 7 broke') });
    expect(isCastellanError(error, 'TEA_COLD')).toBe(true);
    expect([error.kind, error.message, error.next]).toEqual(['invalid', 'the tea is cold', 'boil water']);
  });
});

describe('secrets', () => {
  it('are elided in every printed form', () => {
    const secret = new Secret('hunter2');
    expect(`${String(secret)} ${JSON.stringify({ secret })} ${inspect(secret)}`).not.toContain('hunter2');
    expect(secret.reveal()).toBe('hunter2');
  });
});

describe('nearest name', () => {
  it('finds what a typo meant, and nothing when nothing is near', () => {
    expect(nearestName('prinicpals', ['principals', 'paths', 'ports'])).toBe('principals');
    expect(nearestName('zzzzzz', ['principals', 'paths'])).toBeUndefined();
  });
});

describe('ulids', () => {
  it('sort by time and are 26 characters', () => {
    const random = { bytes: (n: number) => new Uint8Array(n).fill(7) };
    const [a, b] = [ulid(1_000, random), ulid(2_000, random)];
    expect(a < b).toBe(true);
    expect(a).toHaveLength(26);
  });
});
