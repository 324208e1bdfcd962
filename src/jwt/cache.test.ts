import { describe, expect, it } from 'vitest';
import { FakeTokenIssuer } from '../../test/fakes/token-issuer.ts';
import { callerProfile, parseKeySet, VerifiedTokenCache } from './index.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const issuer = new FakeTokenIssuer();
const keys = parseKeySet(issuer.jwks());
const profile = callerProfile({ issuer: issuer.issuer, audiences: ['a'] });
const token = (extra: Record<string, unknown> = {}) =>
  issuer.token({ aud: 'a', exp: now / 1000 + 60, ...extra });

describe('the cache of verified tokens', () => {
  it('knows a token again until it ends', async () => {
    const cache = new VerifiedTokenCache();
    const one = token();
    const first = await cache.verify(one, keys, profile, now);
    expect(await cache.verify(one, keys, profile, now + 59_000)).toBe(first);
    expect(cache.stats).toMatchObject({ hits: 1, misses: 1, size: 1 });
    expect(await cache.verify(one, keys, profile, now + 91_000)).toMatchObject({ reason: 'expired' });
    expect(cache.stats.size).toBe(0);
  });

  it('does not know it under other keys, for another audience, or at an earlier time', async () => {
    const cache = new VerifiedTokenCache();
    const one = token({ nbf: now / 1000 });
    await cache.verify(one, keys, profile, now);
    const rotated = parseKeySet(new FakeTokenIssuer().jwks());
    expect(await cache.verify(one, rotated, profile, now)).toMatchObject({ reason: 'signature-invalid' });
    const other = callerProfile({ issuer: issuer.issuer, audiences: ['b'] });
    expect(await cache.verify(one, keys, other, now)).toMatchObject({ reason: 'audience-not-allowed' });
    expect(await cache.verify(one, keys, profile, now - 3_600_000)).toMatchObject({
      reason: 'not-yet-valid',
    });
  });

  it('says whose a token is only while it knows it', async () => {
    const cache = new VerifiedTokenCache();
    const one = token();
    expect(cache.issuerOf(one, now)).toBeUndefined();
    await cache.verify(one, keys, profile, now);
    expect(cache.issuerOf(one, now)).toBe(issuer.issuer);
    expect(cache.issuerOf(`${one.slice(0, -1)}x`, now)).toBeUndefined();
    expect(cache.issuerOf(one, now + 60_000)).toBeUndefined();
  });

  it('of no size remembers nothing', async () => {
    const cache = new VerifiedTokenCache({ capacity: 0 });
    const one = token();
    const first = await cache.verify(one, keys, profile, now);
    expect(await cache.verify(one, keys, profile, now)).not.toBe(first);
    expect(cache.stats.size).toBe(0);
    expect(cache.issuerOf(one, now)).toBeUndefined();
  });

  it('remembers no refusal and stays within its size', async () => {
    const cache = new VerifiedTokenCache({ capacity: 3 });
    for (let i = 0; i < 10; i++) await cache.verify(token({ aud: 'x', jti: `${i}` }), keys, profile, now);
    expect(cache.stats.size).toBe(0);
    for (let i = 0; i < 10; i++) await cache.verify(token({ jti: `${i}` }), keys, profile, now);
    expect(cache.stats).toMatchObject({ size: 3, evictions: 7 });
    cache.clear();
    expect(cache.stats.size).toBe(0);
  });

  it('looks at no token that is too large (adv:T19)', async () => {
    const cache = new VerifiedTokenCache();
    expect(await cache.verify('a'.repeat(1_000_000), keys, profile, now)).toMatchObject({
      reason: 'too-large',
    });
    expect(cache.stats).toMatchObject({ misses: 0 });
  });
});
