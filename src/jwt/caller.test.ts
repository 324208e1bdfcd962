import { createHmac, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FakeTokenIssuer } from '../../test/fakes/token-issuer.ts';
import { callerProfile, parseKeySet, type VerifiedJwt, verifyJwt } from './index.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const nowSeconds = now / 1000;
const good = new FakeTokenIssuer();
const rsa = new FakeTokenIssuer({ algorithm: 'RS256', kid: 'rsa-1' });
const keys = parseKeySet(JSON.stringify({ keys: [good.jwk(), rsa.jwk({ alg: 'RS256' })] }));
const profile = callerProfile({ issuer: good.issuer, audiences: ['istio-ca'] });
const fresh = { aud: 'istio-ca', exp: nowSeconds + 600, sub: 'system:serviceaccount:shop:cart' };

const judge = async (token: string) => {
  const result = await verifyJwt(token, keys, profile, now);
  return result.ok ? 'accepted' : result.reason;
};
const b64 = (text: string) => Buffer.from(text).toString('base64url');
const forge = (header: unknown, signature = 'AAAA') =>
  `${b64(JSON.stringify(header))}.${b64(JSON.stringify({ iss: good.issuer, ...fresh }))}.${signature}`;
const hmac = (secret: string | Uint8Array) => {
  const input = forge({ alg: 'HS256', kid: 'rsa-1' }).split('.').slice(0, 2).join('.');
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
};

describe('a caller token', () => {
  it('that is sound gives its claims, frozen', async () => {
    const result = (await verifyJwt(good.token(fresh), keys, profile, now)) as VerifiedJwt;
    expect(result).toMatchObject({
      ok: true,
      subject: fresh.sub,
      audiences: ['istio-ca'],
      expiresAt: fresh.exp * 1000,
    });
    expect([Object.isFrozen(result), Object.isFrozen(result.claims)]).toEqual([true, true]);
    expect(await judge(rsa.token(fresh, {}))).toBe('accepted');
  });

  it.each(['none', 'None', 'nOnE', 'NONE', ''])('with alg %j is refused (adv:T01)', async (alg) => {
    expect(await judge(forge({ alg }))).toBe('alg-not-allowed');
    expect(await judge(forge({ alg }, ''))).toBe('not-three-parts');
  });

  it('with an empty or missing signature is refused (adv:T01)', async () => {
    const [header, payload] = good.token(fresh).split('.');
    expect(await judge(`${header}.${payload}.`)).toBe('not-three-parts');
    expect(await judge(`${header}.${payload}`)).toBe('not-three-parts');
    expect(await judge(forge({ kid: 'key-1' }))).toBe('header-alg');
  });

  it('made with HMAC over a public key is refused (adv:T02)', async () => {
    const pem = rsa.publicKey.export({ format: 'pem', type: 'spki' }) as string;
    const der = rsa.publicKey.export({ format: 'der', type: 'spki' });
    for (const secret of [pem, pem.trimEnd(), der, JSON.stringify(rsa.jwk())])
      expect(await judge(hmac(secret))).toBe('alg-not-allowed');
  });

  it('whose alg is not that of its key is refused (adv:T03)', async () => {
    expect(await judge(rsa.token(fresh, { alg: 'ES256' }))).toBe('no-matching-key');
    const pss = forge({ alg: 'PS256', kid: 'rsa-1' }).split('.').slice(0, 2).join('.');
    const signature = sign('sha256', Buffer.from(pss), { key: rsa.privateKey, padding: 6, saltLength: 32 });
    expect(await judge(`${pss}.${signature.toString('base64url')}`)).toBe('no-matching-key');
    expect(await judge(good.token(fresh, { kid: 'rsa-1' }))).toBe('no-matching-key');
    expect(await judge(rsa.token(fresh, { kid: 'key-1' }))).toBe('no-matching-key');
  });

  it('may be 29 s past its end, not 31 s (adv:T04)', async () => {
    expect(await judge(good.token({ ...fresh, exp: nowSeconds - 29 }))).toBe('accepted');
    expect(await judge(good.token({ ...fresh, exp: nowSeconds - 31 }))).toBe('expired');
  });

  it('from the future is refused (adv:T05)', async () => {
    expect(await judge(good.token({ ...fresh, nbf: nowSeconds + 3600 }))).toBe('not-yet-valid');
    expect(await judge(good.token({ ...fresh, iat: nowSeconds + 3600 }))).toBe('not-yet-valid');
    expect(await judge(good.token({ ...fresh, iat: nowSeconds + 29, nbf: nowSeconds + 29 }))).toBe(
      'accepted',
    );
  });

  it('without an end is refused (adv:T06)', async () => {
    expect(await judge(good.token({ ...fresh, exp: undefined }))).toBe('exp-missing');
  });

  it.each([
    ['"9999999999"', 'exp-not-number'],
    ['1e400', 'payload-json'],
    ['NaN', 'payload-json'],
    ['Infinity', 'payload-json'],
    ['-1', 'exp-not-positive'],
    ['null', 'exp-not-number'],
    ['true', 'exp-not-number'],
    ['[9999999999]', 'exp-not-number'],
    ['09999999999', 'payload-json'],
    [`${nowSeconds + 600}.5`, 'accepted'],
  ])('whose exp is %s is judged %s (adv:T07)', async (exp, reason) => {
    const payload = `{"iss":"${good.issuer}","aud":"istio-ca","exp":${exp}}`;
    expect(await judge(good.signText('{"alg":"ES256","kid":"key-1"}', payload))).toBe(reason);
  });

  it.each([
    ['other', 'audience-not-allowed'],
    [undefined, 'audience-not-allowed'],
    [[], 'audience-not-allowed'],
    [['a', 'istio-ca', 'b'], 'accepted'],
    [{ 'istio-ca': true }, 'aud-not-string'],
    [['istio-ca', 7], 'aud-not-string'],
    ['Istio-CA', 'audience-not-allowed'],
    ['istio-ca,other', 'audience-not-allowed'],
    ['istio-ca other', 'audience-not-allowed'],
    ['istio-ca ', 'audience-not-allowed'],
    ['https://istio-ca/', 'audience-not-allowed'],
  ])('for the audience %j is judged %s (adv:T08 csr:A7)', async (aud, reason) => {
    expect(await judge(good.token({ ...fresh, aud }))).toBe(reason);
  });

  it.each([
    'https://other.example',
    'https://issuer.example/',
    'https://Issuer.example',
    'https://issuerXexample',
    'https://issuer.example.evil',
    'https://issuer.example\u0000',
    '',
    undefined,
  ])('of the issuer %j is refused (adv:T09 adv:T16)', async (iss) => {
    expect(await judge(good.token({ ...fresh, iss }))).toBe('unknown-issuer');
  });

  it.each([
    ['a path', '../../etc/passwd'],
    ['SQL', "' OR 1=1 --"],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['10 KB', 'K'.repeat(10_240)],
  ])('whose kid is %s finds no key (adv:T10)', async (_what, kid) => {
    expect(await judge(good.token(fresh, { kid }))).toBe('no-matching-key');
  });

  it.each([[['key-1']], [{}], [1], [null]])('with the kid %j is refused (adv:T10)', async (kid) => {
    expect(await judge(good.token(fresh, { kid }))).toBe('header-kid');
  });

  it.each(['jku', 'x5u', 'jwk', 'x5c'])(
    'that points at a key of its own by %s is refused (adv:T11)',
    async (name) => {
      const attacker = new FakeTokenIssuer();
      const pointers = {
        jku: 'https://attacker.example/jwks.json',
        x5u: 'https://attacker.example/x5.pem',
        jwk: attacker.jwk(),
        x5c: ['AAAA'],
      };
      const header = { [name]: pointers[name as keyof typeof pointers] };
      expect(await judge(attacker.token(fresh, header))).toBe('header-unsupported');
      expect(await judge(attacker.token(fresh))).toBe('signature-invalid');
    },
  );

  it.each([
    { crit: ['exp'] },
    { crit: [] },
    { crit: ['b64'], b64: false },
    { b64: false },
    { b64: true },
    { cty: 'JWT' },
    { zip: 'DEF' },
    { enc: 'A256GCM' },
  ])('with the header %j is refused (adv:T12)', async (header) => {
    expect(await judge(good.token(fresh, header))).toBe('header-unsupported');
  });

  it('that is encrypted or nested is refused (adv:T12)', async () => {
    expect(await judge(`${forge({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.AAAA.AAAA`)).toBe('not-three-parts');
    const inner = good.token(fresh);
    expect(await judge(good.signText('{"alg":"ES256","kid":"key-1"}', inner))).toBe('payload-json');
  });

  it('of a thousand dots or a megabyte costs only a look at its size (adv:T19)', async () => {
    expect(await judge('.'.repeat(1000))).toBe('not-three-parts');
    expect(await judge('a.'.repeat(1000))).toBe('not-three-parts');
    expect(await judge(`${'a'.repeat(1_000_000)}.b.c`)).toBe('too-large');
    expect(await judge('')).toBe('not-three-parts');
  });

  it('that says a thing twice is refused (adv:T19)', async () => {
    const header = '{"alg":"ES256","kid":"key-1"}';
    const twice = `{"iss":"${good.issuer}","aud":"other","aud":"istio-ca","exp":${fresh.exp}}`;
    expect(await judge(good.signText(header, twice))).toBe('payload-json');
    expect(await judge(good.signText('{"alg":"none","alg":"ES256"}', JSON.stringify(fresh)))).toBe(
      'header-json',
    );
    const escaped = `{"iss":"${good.issuer}","sub":"a","s\\u0075b":"b","aud":"istio-ca","exp":${fresh.exp}}`;
    expect(await judge(good.signText(header, escaped))).toBe('payload-json');
  });

  it('with a claim called __proto__ changes no object (adv:T19)', async () => {
    const payload = `{"iss":"${good.issuer}","aud":"istio-ca","exp":${fresh.exp},"__proto__":{"admin":true}}`;
    const result = await verifyJwt(
      good.signText('{"alg":"ES256","kid":"key-1"}', payload),
      keys,
      profile,
      now,
    );
    if (!result.ok) throw new Error(result.reason);
    expect(result.claims.admin).toBeUndefined();
    expect('toString' in result.claims).toBe(false);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
    expect(Object.keys(result.claims)).toContain('__proto__');
  });

  it('nested too deep is refused (adv:T19 policy:7/CVE-2026-48042)', async () => {
    const payload = `{"iss":"${good.issuer}","aud":"istio-ca","exp":${fresh.exp},"x":${'['.repeat(4000)}${']'.repeat(4000)}}`;
    expect(await judge(good.signText('{"alg":"ES256","kid":"key-1"}', payload))).toBe('payload-json');
  });

  it('in anything but strict base64url is refused (adv:T23)', async () => {
    const token = good.token({ ...fresh, pad: '?>?>?>' });
    const [header = '', payload = '', signature = ''] = token.split('.');
    expect(await judge(token)).toBe('accepted');
    expect(await judge(`${header}=.${payload}.${signature}`)).toBe('header-base64');
    expect(await judge(`${header}.${payload} .${signature}`)).toBe('payload-base64');
    expect(await judge(` ${token}`)).toBe('header-base64');
    expect(await judge(`${token}\n`)).toBe('signature-base64');
    expect(await judge(`${token}==`)).toBe('signature-base64');
    const plain = Buffer.from(payload, 'base64url').toString('base64').replaceAll('=', '');
    expect(plain).toMatch(/[+/]/);
    expect(await judge(`${header}.${plain}.${signature}`)).toBe('payload-base64');
    expect(await judge(`${header}.${payload}.${signature.slice(0, -1)}${next(signature.at(-1))}`)).toBe(
      'signature-base64',
    );
  });

  it('signed in DER, or with r or s of nought, is refused (adv:T24)', async () => {
    const input = good.token(fresh).split('.').slice(0, 2).join('.');
    const der = sign('sha256', Buffer.from(input), good.privateKey);
    expect(await judge(`${input}.${der.toString('base64url')}`)).toBe('signature-invalid');
    const raw = sign('sha256', Buffer.from(input), { key: good.privateKey, dsaEncoding: 'ieee-p1363' });
    const nought = Buffer.alloc(32);
    for (const forged of [
      Buffer.alloc(64),
      Buffer.concat([nought, raw.subarray(32)]),
      Buffer.concat([raw.subarray(0, 32), nought]),
      raw.subarray(0, 63),
      Buffer.concat([raw, Buffer.alloc(1)]),
    ])
      expect(await judge(`${input}.${forged.toString('base64url')}`)).toBe('signature-invalid');
  });

  it('keeps its validity when s is replaced by n - s, as JWS has it (adv:T24)', async () => {
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const [header, payload, signature = ''] = good.token(fresh).split('.');
    const raw = Buffer.from(signature, 'base64url');
    const s = n - BigInt(`0x${raw.subarray(32).toString('hex')}`);
    const other = Buffer.concat([raw.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    expect(await judge(`${header}.${payload}.${other.toString('base64url')}`)).toBe('accepted');
  });

  it.each([{ sub: {} }, { sub: ['a'] }, { sub: 7 }])(
    'with the claims %j is refused (adv:T25)',
    async (claims) => {
      expect(await judge(good.token({ ...fresh, ...claims }))).toBe('sub-not-string');
    },
  );

  it('keeps a list a list and a string a string (adv:T25)', async () => {
    const result = await verifyJwt(
      good.token({ ...fresh, groups: 'a,b', roles: ['a', 'b'] }),
      keys,
      profile,
      now,
    );
    expect(result).toMatchObject({ claims: { groups: 'a,b', roles: ['a', 'b'] } });
  });
});

/** The next character whose spare bits differ: same bytes, other text. */
function next(character = 'A'): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet.charAt(alphabet.indexOf(character) + 1);
}
