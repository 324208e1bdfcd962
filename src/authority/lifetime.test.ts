import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { days, hours, minutes, seconds } from '../base/duration.ts';
import {
  caValidity,
  checkLifetimePolicy,
  issuerRenewalDueAt,
  istioLifetimes,
  type LifetimePolicy,
  planLifetime,
} from './lifetime.ts';

const now = Date.parse('2026-03-01T12:00:00.750Z');
const start = Date.parse('2026-03-01T12:00:00Z');
const longSigner = start + days(180);
const twoHours: LifetimePolicy = { defaultLifetime: hours(1), maximumLifetime: hours(2) };

describe('a lifetime', () => {
  it.each([0, -1, 0n, -(2n ** 63n)])(
    'is the default of 24 h when %s seconds are asked for (csr:S6 adv:C26)',
    (asked) => {
      const planned = planLifetime(istioLifetimes, asked, longSigner, now);
      expect(planned).toEqual({
        notBefore: start - minutes(2),
        notAfter: start + hours(24),
        shortenedToIssuer: false,
      });
    },
  );

  it('of exactly the maximum is granted, under a signer that lives 180 days (csr:S7)', () => {
    const planned = planLifetime(istioLifetimes, 90n * 86_400n, longSigner, now);
    expect(planned.notAfter).toBe(start + days(90));
  });

  it('a second above the maximum is refused with the words of Istio (csr:S7)', () => {
    expect(() => planLifetime(istioLifetimes, 90 * 86_400 + 1, longSigner, now)).toThrow(
      expect.objectContaining({
        code: 'TTL_ERROR',
        kind: 'invalid',
        message: 'requested TTL 2160h0m1s is greater than the max allowed TTL 2160h0m0s',
      }),
    );
    expect(() => planLifetime(twoHours, 10_800, longSigner, now)).toThrow(
      'requested TTL 3h0m0s is greater than the max allowed TTL 2h0m0s',
    );
  });

  it.each([
    [10 * 365 * 86_400, 'requested TTL 87600h0m0s is greater'],
    [2n ** 63n - 1n, 'requested TTL 2562047788015215h30m7s is greater'],
    [2n ** 63n, 'requested TTL does not fit into 64 bits'],
    [Number.NaN, 'requested TTL is not a whole number of seconds'],
    [Number.POSITIVE_INFINITY, 'requested TTL is not a whole number of seconds'],
    [1.5, 'requested TTL is not a whole number of seconds'],
  ])('of %s seconds is refused, not wrapped around (adv:C26)', (asked, message) => {
    expect(() => planLifetime(istioLifetimes, asked, longSigner, now)).toThrow(
      expect.objectContaining({ code: 'TTL_ERROR', message: expect.stringContaining(message) as string }),
    );
  });

  it('past the end of the signer is cut to it, and says so (csr:S8 adv:C27)', () => {
    const signsUntil = start + hours(1);
    expect(planLifetime(twoHours, 7200, signsUntil, now)).toEqual({
      notBefore: start - minutes(2),
      notAfter: signsUntil,
      shortenedToIssuer: true,
    });
    expect(planLifetime(twoHours, 3600, signsUntil, now).shortenedToIssuer).toBe(false);
  });

  it('is not granted by an expired signer (csr:S9)', () => {
    expect(() => planLifetime(twoHours, 60, start, now)).toThrow(
      expect.objectContaining({
        code: 'CERT_GEN_ERROR',
        kind: 'internal',
        message: 'signing certificate has expired at 2026-03-01 12:00:00 +0000 UTC',
      }),
    );
  });

  it('is back-dated by two minutes from an hour on, and by a tenth below (adv:S14)', () => {
    const backDated = (asked: number) => start - planLifetime(twoHours, asked, longSigner, now).notBefore;
    expect([backDated(3600), backDated(3590), backDated(600)]).toEqual([
      minutes(2),
      seconds(359),
      minutes(1),
    ]);
  });

  it('never outlives its signer nor the maximum, whatever is asked', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 7200n }),
        fc.integer({ min: 1, max: 10 ** 10 }),
        (asked, left) => {
          const signsUntil = start + left;
          if (now >= signsUntil) return;
          const { notBefore, notAfter, shortenedToIssuer } = planLifetime(twoHours, asked, signsUntil, now);
          expect(notAfter <= signsUntil && notAfter <= now + hours(2) && notBefore <= now).toBe(true);
          expect(shortenedToIssuer).toBe(
            notAfter === signsUntil && left < (asked > 0n ? Number(asked) * 1000 : hours(1)),
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('the lifetime policy', () => {
  it('refuses a default above the maximum', () => {
    const wrong = { defaultLifetime: hours(3), maximumLifetime: hours(2) };
    expect(() => checkLifetimePolicy(wrong)).toThrow(
      expect.objectContaining({ code: 'AUTHORITY_SETTINGS_INVALID' }),
    );
  });
});

describe('an issuer', () => {
  it('of 30 days is kept with just over a third of its life left and renewed below it (csr:R1)', () => {
    const issuer = caValidity(now, days(30));
    const third = (issuer.notAfter - issuer.notBefore) / 3;
    expect(issuer.notAfter - issuerRenewalDueAt(issuer, hours(24))).toBe(third);
  });

  it('is renewed while a default leaf still fits twice, when that is longer (csr:R1)', () => {
    const issuer = caValidity(now, days(30));
    expect(issuer.notAfter - issuerRenewalDueAt(issuer, days(8))).toBe(days(16));
  });

  it('is never planned to outlive its root', () => {
    expect(caValidity(now, days(30), start + days(5)).notAfter).toBe(start + days(5));
  });
});
