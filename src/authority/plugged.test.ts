import { describe, expect, it } from 'vitest';
import {
  expectOpensslVerifies,
  fakePorts,
  issueCart,
  selfManaged,
  trustDomain,
  validateIssuance,
} from '../../test/support/authority.ts';
import {
  FakePluggedFiles,
  keyPem,
  pluggedFiles,
  type TestCa,
  testCrl,
  testIntermediate,
  testRoot,
} from '../../test/support/plugged-ca.ts';
import { days, hours } from '../base/duration.ts';
import { parseCertificatesPem } from '../x509/index.ts';
import { defaultLeafPolicy, initialiseAuthority, openAuthority } from './open-authority.ts';
import type { PluggedFiles } from './ports.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const settle = async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

async function plug(files: PluggedFiles, ports = fakePorts()) {
  const source = new FakePluggedFiles(files);
  const settings = {
    trustDomain,
    leaves: defaultLeafPolicy,
    hierarchy: { kind: 'plugged' as const, files: source },
  };
  if (ports.journal.text === undefined) await initialiseAuthority(ports, settings);
  return { authority: await openAuthority(ports, settings), source, ports };
}

async function hierarchy(): Promise<{ root: TestCa; upper: TestCa; lower: TestCa }> {
  const root = await testRoot();
  const upper = await testIntermediate(root, { pathLength: 1 });
  return { root, upper, lower: await testIntermediate(upper) };
}

describe('plugged-in material', () => {
  it('gives leaf, each certificate of the chain file in its order, and the roots (csr:C2)', async () => {
    const { root, upper, lower } = await hierarchy();
    const { authority } = await plug(pluggedFiles([lower, upper], [root]));
    const issuance = await issueCart(authority);
    expect(issuance.chainPem.slice(1)).toEqual([lower.pem, upper.pem, root.pem]);
    expect(validateIssuance(issuance, authority, now).ok).toBe(true);
    expectOpensslVerifies(issuance, now);
  });

  it('may repeat the root in its chain: order is kept and nothing is removed (csr:C2)', async () => {
    const { root, upper, lower } = await hierarchy();
    const { authority } = await plug(pluggedFiles([lower, upper, root], [root]));
    const issuance = await issueCart(authority);
    expect(issuance.chainPem.slice(1)).toEqual([lower.pem, upper.pem, root.pem, root.pem]);
    expect(validateIssuance(issuance, authority, now).ok).toBe(true);
  });

  it('with two roots gives both in the last element (csr:C3)', async () => {
    const [a, b] = [await testRoot(), await testRoot()];
    const { authority } = await plug(pluggedFiles([await testIntermediate(a)], [a, b]));
    const { chainPem } = await issueCart(authority);
    expect(chainPem).toHaveLength(3);
    expect(chainPem[2]).toBe(a.pem + b.pem);
  });

  it('with blank lines and text around its blocks gives no empty element (csr:C4)', async () => {
    const { root, upper, lower } = await hierarchy();
    const chainPem = `\n\nsubject=lower\n${lower.pem}\n\n${upper.pem}\n\n\n  \n`;
    const { authority } = await plug(pluggedFiles([lower], [root], { chainPem }));
    expect((await issueCart(authority)).chainPem).toEqual([
      expect.any(String),
      lower.pem,
      upper.pem,
      root.pem,
    ]);
  });

  it('may be a root that signs leaves itself, with no chain', async () => {
    const root = await testRoot();
    const { authority } = await plug(pluggedFiles([root], [root], { chainPem: '' }));
    const issuance = await issueCart(authority);
    expect(issuance.chainPem).toHaveLength(2);
    expect(validateIssuance(issuance, authority, now).ok).toBe(true);
  });

  it.each(['sec1', 'pkcs8'] as const)('has its key as %s', async (type) => {
    const root = await testRoot();
    const pem = root.key.export({ format: 'pem', type }) as string;
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const { authority } = await plug(pluggedFiles([root], [root], { signingKeyPem: parameters + pem }));
    expect(validateIssuance(await issueCart(authority), authority, now).ok).toBe(true);
  });

  it('refuses to sign when it has expired while running (csr:S9)', async () => {
    const root = await testRoot({ until: now + hours(1) });
    const { authority, ports } = await plug(pluggedFiles([root], [root]));
    expect(await issueCart(authority, 7200)).toMatchObject({
      notAfter: now + hours(1),
      shortenedToIssuer: true,
    });
    ports.clock.jumpWall(hours(1) + 1000);
    await expect(issueCart(authority)).rejects.toMatchObject({
      code: 'CERT_GEN_ERROR',
      message: 'signing certificate has expired at 2026-03-01 13:00:00 +0000 UTC',
    });
    expect(authority.status()).toMatchObject({ ready: false, alarms: [{ code: 'CACERTS_EXPIRED' }] });
  });
});

describe('the start is refused', () => {
  const refusal = async (files: PluggedFiles) =>
    plug(files).then(
      () => 'started',
      (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
    );

  it('when the key belongs to another certificate (csr:P2 adv:S17)', async () => {
    const { root, upper, lower } = await hierarchy();
    expect(await refusal(pluggedFiles([lower, upper], [root], { signingKeyPem: keyPem(upper) }))).toMatch(
      /^CACERTS_KEY_MISMATCH: .*`ca-key.pem`.*`ca-cert.pem`/,
    );
  });

  it('when what should sign is no CA (csr:P2)', async () => {
    const root = await testRoot();
    const { authority } = await plug(pluggedFiles([root], [root]));
    const { chainPem } = await issueCart(authority);
    const files = pluggedFiles([root], [root], { signingCertificatePem: chainPem[0] ?? '' });
    expect(await refusal(files)).toMatch(/^CACERTS_KEY_MISMATCH/);
    expect(await refusal({ ...files, rootsPem: chainPem[0] ?? '', signingCertificatePem: root.pem })).toMatch(
      /^CACERTS_NOT_A_CA: `root-cert.pem`/,
    );
  });

  it('when the chain does not reach a root (csr:P2)', async () => {
    const { root, upper, lower } = await hierarchy();
    expect(await refusal(pluggedFiles([lower], [root]))).toMatch(/^CACERTS_CHAIN_BROKEN: .*does not verify/);
    expect(await refusal(pluggedFiles([lower, upper], [await testRoot()]))).toMatch(/^CACERTS_CHAIN_BROKEN/);
  });

  it('when the chain lacks the certificate that signs, so that no peer could verify (csr:P2)', async () => {
    const root = await testRoot();
    const files = pluggedFiles([await testIntermediate(root)], [root], { chainPem: root.pem });
    expect(await refusal(files)).toMatch(/^CACERTS_CHAIN_BROKEN: `cert-chain.pem` lacks the certificate/);
  });

  it('when a path length forbids the certificate below (csr:P2)', async () => {
    const root = await testRoot();
    const upper = await testIntermediate(root, { pathLength: 0 });
    const lower = await testIntermediate(upper);
    expect(await refusal(pluggedFiles([lower, upper], [root]))).toMatch(
      /^CACERTS_CHAIN_BROKEN: .*does not verify/,
    );
  });

  it('when a certificate of the chain has expired or is not valid yet (csr:P2)', async () => {
    const root = await testRoot();
    const expired = await testIntermediate(root, { until: now - 1000 });
    expect(await refusal(pluggedFiles([expired], [root]))).toMatch(
      /^CACERTS_EXPIRED: `ca-cert.pem`.*has expired at/,
    );
    const future = await testIntermediate(root, { from: now + days(1), pathLength: 1 });
    expect(await refusal(pluggedFiles([future], [root]))).toMatch(
      /^CACERTS_EXPIRED: `ca-cert.pem`.*valid only from/,
    );
    const lower = await testIntermediate(future);
    expect(await refusal(pluggedFiles([lower, future], [root]))).toMatch(/^CACERTS_EXPIRED: `cert-chain.pem/);
  });

  it('when a file holds no certificate or no key that can be read (csr:P2)', async () => {
    const root = await testRoot();
    const files = pluggedFiles([root], [root]);
    expect(await refusal({ ...files, signingCertificatePem: '' })).toMatch(
      /^CACERTS_UNREADABLE: `ca-cert.pem`/,
    );
    expect(await refusal({ ...files, rootsPem: '\n' })).toMatch(/^CACERTS_UNREADABLE: `root-cert.pem`/);
    expect(await refusal({ ...files, chainPem: root.pem.slice(0, 300) })).toMatch(
      /^CACERTS_UNREADABLE: `cert-chain.pem`/,
    );
    expect(await refusal({ ...files, signingKeyPem: root.pem })).toMatch(/^CACERTS_UNREADABLE: `ca-key.pem`/);
    const encrypted = root.key.export({
      format: 'pem',
      type: 'pkcs8',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    }) as string;
    expect(await refusal({ ...files, signingKeyPem: encrypted })).toMatch(
      /`ca-key.pem`: the private key is encrypted/,
    );
  });

  it('when CRLs are given but one CA of the chain has none that it signed (csr:P3)', async () => {
    const { root, upper, lower } = await hierarchy();
    const files = pluggedFiles([lower, upper], [root]);
    expect(await refusal({ ...files, crlPem: testCrl(lower) })).toMatch(/^CACERTS_CRL_MISSING: /);
    expect(await refusal({ ...files, crlPem: testCrl(lower) + testCrl(root) })).toMatch(
      /^CACERTS_CRL_MISSING: /,
    );
    expect(await refusal({ ...files, crlPem: testCrl(lower) + testCrl(upper) })).toBe('started');
    expect(await refusal({ ...files, crlPem: '\n' })).toBe('started');
  });

  it('when a CRL takes back a CA of the chain itself (csr:P3)', async () => {
    const { root, upper, lower } = await hierarchy();
    const crlPem = testCrl(lower) + testCrl(upper, [lower.certificate.serial]);
    expect(await refusal(pluggedFiles([lower, upper], [root], { crlPem }))).toMatch(
      /^CACERTS_CHAIN_BROKEN: .*revokes/,
    );
  });
});

describe('plugged-in revocation lists', () => {
  it('reach the path validator and can be cleared by an empty file (csr:P3)', async () => {
    const root = await testRoot();
    const lower = await testIntermediate(root);
    const files = pluggedFiles([lower], [root]);
    const { authority, source } = await plug(files);
    const issuance = await issueCart(authority);
    source.put({ ...files, crlPem: testCrl(lower, [issuance.serial]) });
    await settle();
    expect(validateIssuance(issuance, authority, now)).toMatchObject({ ok: false, reason: 'revoked' });
    source.put({ ...files, crlPem: '' });
    await settle();
    expect(validateIssuance(issuance, authority, now).ok).toBe(true);
  });
});

describe('a change of plugged-in material', () => {
  it('of the intermediate under the same roots is taken up at once, and the old one stays known', async () => {
    const root = await testRoot();
    const [first, second] = [await testIntermediate(root), await testIntermediate(root)];
    const { authority, source } = await plug(pluggedFiles([first], [root]));
    const early = await issueCart(authority);
    const heard: string[] = [];
    authority.onIssuerChange((id) => heard.push(id));
    authority.onBundleChange(() => heard.push('bundle'));
    source.put(pluggedFiles([second], [root]));
    await settle();
    const late = await issueCart(authority);
    expect(heard).toEqual([late.issuerKeyId]);
    expect(late.issuerKeyId).not.toBe(early.issuerKeyId);
    expect(authority.bundle().sequence).toBe(1n);
    expect(validateIssuance(early, authority, now).ok && validateIssuance(late, authority, now).ok).toBe(
      true,
    );
    expect(authority.knownIssuers().map(({ sha256 }) => sha256)).toContain(first.certificate.sha256);
  });

  it('of the roots: added and removed ones are taken up, reordered ones are no change, a swap is refused (csr:R3)', async () => {
    const [a, b, c] = [await testRoot(), await testRoot(), await testRoot()];
    const [underA, underB, underC] = [
      await testIntermediate(a),
      await testIntermediate(b),
      await testIntermediate(c),
    ];
    const { authority, source } = await plug(pluggedFiles([underA], [a]));
    const bundles: bigint[] = [];
    authority.onBundleChange(({ sequence }) => bundles.push(sequence));
    const put = async (signer: TestCa, ...roots: TestCa[]) => {
      source.put(pluggedFiles([signer], roots));
      await settle();
      return [
        authority.bundle().sequence,
        authority.rootsPem(),
        authority.status().alarms.map(({ code }) => code),
      ];
    };
    const before = await issueCart(authority);
    expect(await put(underA, a, b)).toEqual([2n, a.pem + b.pem, []]);
    expect(validateIssuance(before, authority, now).ok).toBe(true);
    expect(await put(underA, b, a)).toEqual([2n, b.pem + a.pem, []]);
    expect(await put(underB, b, a)).toEqual([2n, b.pem + a.pem, []]);
    expect(await put(underB, b)).toEqual([3n, b.pem, []]);
    expect(await put(underC, c)).toEqual([3n, b.pem, ['CACERTS_ROOTS_SWAPPED']]);
    const kept = await issueCart(authority);
    expect(validateIssuance(kept, authority, now).ok).toBe(true);
    expect(await put(underB, b)).toEqual([3n, b.pem, []]);
    expect(bundles).toEqual([2n, 3n]);
  });

  it('of the roots is laid out in steps that are its operator’s; the server refuses to take them itself', async () => {
    const [a, b] = [await testRoot(), await testRoot()];
    const underA = await testIntermediate(a);
    const { authority, source } = await plug(pluggedFiles([underA], [a]));
    const line = async () => (await authority.rotation.status()).lines[0];
    const states = async () => (await line())?.phases.map(({ phase, state }) => `${phase} ${state}`);
    expect(await states()).toEqual(['publish next', 'activate later', 'retire later']);
    const wish = { role: 'root', reason: 'a test' } as const;
    await expect(authority.rotation.next(wish)).rejects.toMatchObject({ code: 'ROTATION_PLUGGED_IN' });
    source.put(pluggedFiles([underA], [a, b]));
    await settle();
    expect(await states()).toEqual(['publish done', 'activate next', 'retire later']);
    expect(await line()).toMatchObject({ role: 'root', phase: 'published' });
    await authority.rotation.force({ role: 'jwt', reason: 'a test' });
    expect(authority.bundle().jwtKeys).toHaveLength(2);
    expect(authority.roots()).toHaveLength(2);
  });

  it('that is wrong leaves the last good in place and says why until it is right', async () => {
    const root = await testRoot();
    const [first, second] = [await testIntermediate(root), await testIntermediate(root)];
    const good = pluggedFiles([first], [root]);
    const { authority, source, ports } = await plug(good);
    const issuer = authority.status().issuerId;
    source.put({ ...pluggedFiles([second], [root]), signingKeyPem: good.signingKeyPem });
    await settle();
    expect(authority.status()).toMatchObject({
      issuerId: issuer,
      alarms: [{ code: 'CACERTS_KEY_MISMATCH' }],
    });
    expect(validateIssuance(await issueCart(authority), authority, now).ok).toBe(true);
    source.put(pluggedFiles([second], [root]));
    await settle();
    expect(authority.status().alarms).toEqual([]);
    expect(authority.status().issuerId).not.toBe(issuer);
    expect(ports.logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('that cannot be written down is not taken up', async () => {
    const [a, b] = [await testRoot(), await testRoot()];
    const { authority, source, ports } = await plug(pluggedFiles([a], [a]));
    ports.journal.failpoint = () => {
      throw new Error('disk is full');
    };
    source.put(pluggedFiles([a], [a, b]));
    await settle();
    expect(authority.bundle().sequence).toBe(1n);
    expect(authority.rootsPem()).toBe(a.pem);
    expect(authority.status().alarms).toMatchObject([{ message: 'disk is full' }]);
  });

  it('keeps the sequence rising over restarts, and known signers known', async () => {
    const [a, b] = [await testRoot(), await testRoot()];
    const [first, second] = [await testIntermediate(a), await testIntermediate(a)];
    const { authority, ports } = await plug(pluggedFiles([first], [a]));
    await authority[Symbol.asyncDispose]();
    const again = await plug(pluggedFiles([second], [a, b]), ports);
    expect(again.authority.bundle().sequence).toBe(2n);
    expect(again.authority.knownIssuers().map(({ sha256 }) => sha256)).toContain(first.certificate.sha256);
    await again.authority[Symbol.asyncDispose]();
    expect(again.source.watchers).toBe(0);
    const swapped = await plug(pluggedFiles([second], [a]), ports);
    expect(swapped.authority.bundle().sequence).toBe(3n);
  });

  it('of the roots while the server is down is taken up with a warning, even a swap', async () => {
    const [a, b] = [await testRoot(), await testRoot()];
    const { authority, ports } = await plug(pluggedFiles([a], [a]));
    await authority[Symbol.asyncDispose]();
    const { authority: later } = await plug(pluggedFiles([b], [b]), ports);
    expect(later.bundle().sequence).toBe(2n);
    expect(
      ports.logger.lines.some(({ level, message }) => level === 'warn' && message.includes('swapped')),
    ).toBe(true);
  });
});

describe('an authority that was self-managed', () => {
  it('publishes the plugged-in roots under a higher sequence and can go back', async () => {
    const ports = fakePorts();
    await initialiseAuthority(ports, selfManaged);
    const own = await openAuthority(ports, selfManaged);
    await own[Symbol.asyncDispose]();
    const root = await testRoot();
    const { authority } = await plug(pluggedFiles([root], [root]), ports);
    expect(authority.bundle().sequence).toBe(2n);
    await authority[Symbol.asyncDispose]();
    const back = await openAuthority(ports, selfManaged);
    expect([back.bundle().sequence, back.rootsPem()]).toEqual([3n, own.rootsPem()]);
    expect(parseCertificatesPem(back.rootsPem())).toHaveLength(1);
  });
});
