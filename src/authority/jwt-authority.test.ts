import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { cart, fakePorts, newAuthority, selfManaged } from '../../test/support/authority.ts';
import { days, hours, minutes } from '../base/duration.ts';
import { jwtSvidProfile, parseKeySet, verifyJwt } from '../jwt/index.ts';
import { jwtKeySetOf } from '../spiffe/index.ts';
import type { Authority } from './authority.ts';
import { defaultJwtSettings } from './jwt-authority.ts';
import { initialiseAuthority, openAuthority } from './open-authority.ts';

const db = ['spiffe://cluster.local/ns/shop/sa/db'];
const mint = (authority: Authority, ttlSeconds: bigint | number = 0, audiences = db) =>
  authority.mintJwtSvid({ spiffeId: cart, audiences, ttlSeconds });

/** As a workload elsewhere does it: with nothing but the published keys. */
function judge(authority: Authority, token: string, now: number) {
  const keys = parseKeySet(jwtKeySetOf(authority.bundle()), { source: 'remote', use: 'jwt-svid' });
  return verifyJwt(token, keys, jwtSvidProfile({ audiences: db }), now);
}

describe('a JWT-SVID of the authority', () => {
  it('verifies with the published keys, says who, for whom and how long, and nothing else (spiffe:J-02 spiffe:J-04 spiffe:J-06 spiffe:J-08 spiffe:J-11)', async () => {
    const { authority, ports } = await newAuthority();
    const { token, kid, issuedAt, expiresAt } = await mint(authority);
    const now = ports.clock.now();
    expect(await judge(authority, token, now)).toMatchObject({ ok: true, subject: cart.uri, audiences: db });
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', kid, typ: 'JWT' });
    expect(decodeJwt(token)).toEqual({ sub: cart.uri, aud: db, iat: now / 1000, exp: now / 1000 + 300 });
    expect([issuedAt, expiresAt]).toEqual([now, now + minutes(5)]);
    expect(authority.bundle().jwtKeys).toMatchObject([{ kid, jwk: { kty: 'EC', crv: 'P-256', kid } }]);
    expect(JSON.parse(jwtKeySetOf(authority.bundle()))).toMatchObject({
      keys: [{ kid, use: 'jwt-svid', kty: 'EC' }],
    });
    expect(Object.keys(authority.bundle().jwtKeys[0]?.jwk ?? {})).not.toContain('d');
  });

  it.each([
    ['P-384', 'ES384'],
    ['RSA-2048', 'RS256'],
  ] as const)('is signed with a key of %s as %s', async (keyType, alg) => {
    const jwt = { ...defaultJwtSettings, keyType, issuer: 'https://id.example' };
    const { authority, ports } = await newAuthority({ ...selfManaged, jwt });
    const { token } = await mint(authority);
    expect(decodeProtectedHeader(token).alg).toBe(alg);
    expect(await judge(authority, token, ports.clock.now())).toMatchObject({
      ok: true,
      issuer: 'https://id.example',
    });
  });

  it('lives as long as was asked for, never beyond the maximum nor beyond its key', async () => {
    const { authority, ports } = await newAuthority();
    const now = ports.clock.now();
    expect((await mint(authority, 3600)).expiresAt).toBe(now + hours(1));
    await expect(mint(authority, 86_401)).rejects.toMatchObject({ code: 'TTL_ERROR', kind: 'invalid' });
    await expect(mint(authority, 2n ** 70n)).rejects.toMatchObject({ code: 'TTL_ERROR' });
    await expect(mint(authority, 1.5)).rejects.toMatchObject({ code: 'TTL_ERROR' });
  });

  it.each([[[]], [['']], [['a', '']]])(
    'is not made for the audiences %j (spiffe:J-07)',
    async (audiences) => {
      const { authority } = await newAuthority();
      await expect(mint(authority, 0, audiences)).rejects.toMatchObject({ code: 'JWT_AUDIENCE_MISSING' });
    },
  );

  it('does not leave when its key store signed something else', async () => {
    const { authority, ports } = await newAuthority();
    await authority[Symbol.asyncDispose]();
    const signer = ports.keys.keys.get('jwt-3');
    if (signer === undefined) throw new Error('no JWT key');
    ports.keys.keys.set('jwt-3', { ...signer, sign: () => signer.sign(Buffer.from('something else')) });
    const broken = await openAuthority(ports, selfManaged);
    await expect(mint(broken)).rejects.toMatchObject({ code: 'CERT_GEN_ERROR' });
  });
});

describe('the JWT key', () => {
  it('is made at the next start where a state directory has none, under the next sequence', async () => {
    const { authority, ports } = await newAuthority();
    await authority[Symbol.asyncDispose]();
    const journal = JSON.parse(ports.journal.text ?? '') as {
      version: number;
      slots: { role: string }[];
      bundle: { jwtKeys?: unknown };
    };
    journal.version = 1;
    journal.slots = journal.slots.filter(({ role }) => role !== 'jwt');
    delete journal.bundle.jwtKeys;
    ports.journal.text = JSON.stringify(journal);
    ports.keys.keys.delete('jwt-3');
    const later = await openAuthority(ports, selfManaged);
    expect(later.bundle()).toMatchObject({ sequence: 2n, jwtKeys: [{ kid: expect.any(String) as string }] });
    expect((await judge(later, (await mint(later)).token, ports.clock.now())).ok).toBe(true);
    await later[Symbol.asyncDispose]();
    expect((await openAuthority(ports, selfManaged)).bundle().sequence).toBe(2n);
  });

  it('is made whole after a stop at any step of its making (adv:S19)', async () => {
    for (let stop = 1; ; stop++) {
      const ports = fakePorts(`stop ${stop}`);
      await initialiseAuthority(ports, selfManaged);
      const journal = JSON.parse(ports.journal.text ?? '') as { slots: { role: string }[]; bundle: object };
      journal.slots = journal.slots.filter(({ role }) => role !== 'jwt');
      journal.bundle = { ...journal.bundle, jwtKeys: [] };
      ports.journal.text = JSON.stringify(journal);
      ports.keys.keys.delete('jwt-3');
      let steps = 0;
      const failpoint = () => {
        if (++steps === stop) throw new Error('the machine stops');
      };
      ports.keys.failpoint = failpoint;
      ports.journal.failpoint = failpoint;
      const whole = await openAuthority(ports, selfManaged).then(
        () => true,
        () => false,
      );
      ports.keys.failpoint = () => undefined;
      ports.journal.failpoint = () => undefined;
      const resumed = await openAuthority(ports, selfManaged);
      expect((await judge(resumed, (await mint(resumed)).token, ports.clock.now())).ok).toBe(true);
      expect(ports.keys.keys.size).toBe(4);
      expect(resumed.bundle().sequence).toBe(2n);
      await resumed[Symbol.asyncDispose]();
      if (whole) break;
    }
  });

  it('that is missing or another stops the start: none is made in its place (adv:S06)', async () => {
    const { authority, ports } = await newAuthority();
    await authority[Symbol.asyncDispose]();
    const key = ports.keys.keys.get('jwt-3');
    const other = ports.keys.keys.get('root-1');
    if (key === undefined || other === undefined) throw new Error('no key');
    ports.keys.keys.delete('jwt-3');
    await expect(openAuthority(ports, selfManaged)).rejects.toMatchObject({ code: 'AUTHORITY_KEY_MISSING' });
    ports.keys.keys.set('jwt-3', other);
    await expect(openAuthority(ports, selfManaged)).rejects.toMatchObject({ code: 'AUTHORITY_KEY_MISMATCH' });
  });

  it('must outlive its tokens by far', async () => {
    const jwt = { ...defaultJwtSettings, keyLifetime: days(1), defaultLifetime: hours(6) };
    await expect(initialiseAuthority(fakePorts(), { ...selfManaged, jwt })).rejects.toMatchObject({
      code: 'AUTHORITY_SETTINGS_INVALID',
    });
  });
});
