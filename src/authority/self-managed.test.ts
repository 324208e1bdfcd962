import { verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  cart,
  expectOpensslVerifies,
  fakePorts,
  issueCart,
  newAuthority,
  selfManaged,
  validateIssuance,
} from '../../test/support/authority.ts';
import { days, hours, minutes, seconds } from '../base/duration.ts';
import { SpiffeId } from '../spiffe/index.ts';
import { formatName, parseCertificate, parseCertificatesPem, validatePath } from '../x509/index.ts';
import { type AuthoritySettings, initialiseAuthority, openAuthority } from './open-authority.ts';
import { openAuditSigner } from './self-managed.ts';
import { defaultSelfManaged } from './self-managed-settings.ts';

const derOf = (pem: string) => parseCertificatesPem(pem).map(({ der }) => der);
const withoutIntermediate: AuthoritySettings = {
  ...selfManaged,
  hierarchy: {
    ...defaultSelfManaged,
    intermediate: { enabled: false, lifetime: days(30) },
    checkEvery: days(1),
  },
};

describe('a self-managed authority', () => {
  it('answers with leaf, intermediate and root, one certificate a string, each ended by a newline (csr:C1)', async () => {
    const { authority, ports } = await newAuthority();
    const issuance = await issueCart(authority);
    expect(issuance.chainPem).toHaveLength(3);
    for (const pem of issuance.chainPem) {
      expect(pem).toMatch(/^-----BEGIN CERTIFICATE-----\n[\s\S]*-----END CERTIFICATE-----\n$/);
      expect(parseCertificatesPem(pem)).toHaveLength(1);
    }
    expect(issuance.chainPem.at(-1)).toBe(authority.rootsPem());
    expect(validateIssuance(issuance, authority, ports.clock.now())).toMatchObject({
      ok: true,
      spiffeId: cart,
    });
    expectOpensslVerifies(issuance, ports.clock.now());
  });

  it('answers with two elements when the intermediate is switched off (csr:C1)', async () => {
    const { authority, ports } = await newAuthority(withoutIntermediate);
    const issuance = await issueCart(authority);
    expect(issuance.chainPem).toHaveLength(2);
    expect(validateIssuance(issuance, authority, ports.clock.now()).ok).toBe(true);
    expectOpensslVerifies(issuance, ports.clock.now());
  });

  it('lets its leaves live 24 hours from now, two minutes back-dated (csr:S6)', async () => {
    const { authority, ports } = await newAuthority();
    const { notBefore, notAfter, der } = await issueCart(authority, -1);
    expect([notBefore, notAfter]).toEqual([ports.clock.now() - minutes(2), ports.clock.now() + hours(24)]);
    const leaf = parseCertificate(der);
    expect([leaf.notBefore, leaf.notAfter]).toEqual([notBefore, notAfter]);
  });

  it('grants the maximum under an intermediate of 180 days and refuses a second more (csr:S7)', async () => {
    const { authority, ports } = await newAuthority({
      ...selfManaged,
      hierarchy: { ...defaultSelfManaged, intermediate: { enabled: true, lifetime: days(180) } },
    });
    const issuance = await issueCart(authority, 90 * 86_400);
    expect(issuance.notAfter).toBe(ports.clock.now() + days(90));
    await expect(issueCart(authority, 90 * 86_400 + 1)).rejects.toMatchObject({
      code: 'TTL_ERROR',
      message: 'requested TTL 2160h0m1s is greater than the max allowed TTL 2160h0m0s',
    });
  });

  it('cuts a leaf to the end of its intermediate and says so (csr:S8 adv:C27)', async () => {
    const { authority } = await newAuthority();
    const issuance = await issueCart(authority, 60 * 86_400);
    const intermediate = parseCertificatesPem(issuance.chainPem[1] ?? '')[0];
    expect(issuance.shortenedToIssuer).toBe(true);
    expect(issuance.notAfter).toBe(intermediate?.notAfter);
  });

  it('makes signing certificates that are SVIDs without a path and may only sign (spiffe:ID-19 spiffe:ID-20 spiffe:X-05 spiffe:X-06 spiffe:X-07 spiffe:X-09 spiffe:X-11 spiffe:X-12)', async () => {
    const { authority } = await newAuthority();
    const [, intermediatePem = '', rootPem = ''] = (await issueCart(authority)).chainPem;
    const certificates = [intermediatePem, rootPem].flatMap((pem) => parseCertificatesPem(pem));
    for (const certificate of certificates) {
      expect(certificate.san?.uris).toEqual(['spiffe://cluster.local']);
      expect(certificate.isCa).toBe(true);
      expect([...(certificate.keyUsage ?? [])].sort()).toEqual(['cRLSign', 'keyCertSign']);
      expect(certificate.extensions.find(({ oid }) => oid === '2.5.29.15')?.critical).toBe(true);
      expect(certificate.subjectKeyId).toHaveLength(20);
    }
    const [intermediate, root] = certificates;
    expect(intermediate?.pathLength).toBe(0);
    expect(intermediate?.authorityKeyId).toEqual(root?.subjectKeyId);
  });

  it('does not authenticate anyone by its signing certificates (spiffe:X-08)', async () => {
    const { authority, ports } = await newAuthority();
    const issuance = await issueCart(authority);
    const posing = { ...issuance, chainPem: issuance.chainPem.slice(1) };
    expect(validateIssuance(posing, authority, ports.clock.now()).ok).toBe(false);
  });

  it('has identity and key inside what it signs: one bit of either changed, and nothing holds (spiffe:ID-21)', async () => {
    const { authority, ports } = await newAuthority();
    const issuance = await issueCart(authority);
    const leaf = parseCertificate(issuance.der);
    const places = [Buffer.from(cart.uri), Buffer.from(leaf.publicKey.spkiDer).subarray(-32)];
    for (const place of places) {
      const der = Buffer.from(issuance.der);
      const at = der.indexOf(place) + place.length - 1;
      expect(at).toBeGreaterThan(place.length);
      der.writeUInt8(der.readUInt8(at) ^ 1, at);
      const verdict = validatePath([der, ...issuance.chainPem.slice(1).flatMap(derOf)], {
        now: ports.clock.now(),
        purpose: 'client',
        rootsFor: () => authority.roots(),
      });
      expect(verdict.ok).toBe(false);
    }
  });

  it('puts no name constraints on its signers, since many verifiers refuse them (spiffe:X-10)', async () => {
    const { authority } = await newAuthority();
    const chain = (await issueCart(authority)).chainPem.flatMap((pem) => parseCertificatesPem(pem));
    expect(chain.map(({ nameConstraints }) => nameConstraints)).toEqual([undefined, undefined, undefined]);
  });

  it('can have a root of P-384', async () => {
    const settings: AuthoritySettings = {
      ...selfManaged,
      hierarchy: { ...defaultSelfManaged, root: { keyType: 'P-384', lifetime: days(3650) } },
    };
    const { authority, ports } = await newAuthority(settings);
    expect(authority.roots()[0]?.publicKey.algorithm).toBe('P-384');
    expect(validateIssuance(await issueCart(authority), authority, ports.clock.now()).ok).toBe(true);
  });

  it('is made once: a second time is refused (adv:S06)', async () => {
    const { ports } = await newAuthority();
    await expect(initialiseAuthority(ports, selfManaged)).rejects.toMatchObject({ code: 'AUTHORITY_EXISTS' });
  });

  it('is not made by opening it: without a journal or a key the start is refused (adv:S06)', async () => {
    await expect(openAuthority(fakePorts(), selfManaged)).rejects.toMatchObject({
      code: 'AUTHORITY_MISSING',
    });
    for (const name of ['root-1', 'intermediate-2']) {
      const { ports } = await newAuthority();
      ports.keys.keys.delete(name);
      await expect(openAuthority(ports, selfManaged)).rejects.toMatchObject({
        code: 'AUTHORITY_KEY_MISSING',
      });
    }
  });

  it('notices a key of another authority (adv:S17)', async () => {
    const [ours, other] = [await newAuthority(), await newAuthority()];
    for (const name of ['root-1', 'intermediate-2']) {
      const own = ours.ports.keys.keys.get(name);
      const foreign = other.ports.keys.keys.get(name);
      if (own === undefined || foreign === undefined) throw new Error('no keys');
      ours.ports.keys.keys.set(name, foreign);
      await expect(openAuthority(ours.ports, selfManaged)).rejects.toMatchObject({
        code: 'AUTHORITY_KEY_MISMATCH',
      });
      ours.ports.keys.keys.set(name, own);
    }
  });

  it('is refused under another trust domain, and when its journal is damaged', async () => {
    const { ports } = await newAuthority();
    const elsewhere = { ...selfManaged, trustDomain: SpiffeId.parse('spiffe://other.test/x').trustDomain };
    await expect(openAuthority(ports, elsewhere)).rejects.toMatchObject({ code: 'AUTHORITY_TRUST_DOMAIN' });
    ports.journal.text = ports.journal.text?.slice(0, 200);
    await expect(openAuthority(ports, selfManaged)).rejects.toMatchObject({
      code: 'AUTHORITY_JOURNAL_DAMAGED',
    });
  });

  it('refuses an intermediate that would have to renew itself all the time', async () => {
    const settings: AuthoritySettings = {
      ...selfManaged,
      hierarchy: { ...defaultSelfManaged, intermediate: { enabled: true, lifetime: hours(71) } },
    };
    await expect(initialiseAuthority(fakePorts(), settings)).rejects.toMatchObject({
      code: 'AUTHORITY_SETTINGS_INVALID',
    });
  });

  it('says what there is: roles, states, when they end and renew, and fingerprints to pin', async () => {
    const { authority, ports } = await newAuthority();
    const status = authority.status();
    expect(status).toMatchObject({ kind: 'self-managed', ready: true, bundleSequence: 1n, alarms: [] });
    expect(status.authorities.map(({ role, state, expired }) => [role, state, expired])).toEqual([
      ['root', 'active', false],
      ['intermediate', 'active', false],
    ]);
    const [root, intermediate] = status.authorities;
    expect([root?.renewsAt, root?.endsSoon]).toEqual([undefined, false]);
    expect(intermediate?.renewsAt).toBeGreaterThan(ports.clock.now() + days(19));
    expect(intermediate?.authorityId).toBe(status.issuerId);
    expect(status.rootFingerprints).toEqual([root?.sha256]);
    expect(status.rootFingerprints[0]).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('the intermediate', () => {
  it('renews itself for years without a refused request, with a new key and subject each time (csr:R1 csr:R2)', async () => {
    const { authority, ports } = await newAuthority();
    const issuers: string[] = [];
    authority.onIssuerChange((id) => issuers.push(id));
    const subjects = new Set<string>();
    for (let week = 0; week < 150; week++) {
      const issuance = await issueCart(authority);
      expect(issuance.shortenedToIssuer).toBe(false);
      expect(validateIssuance(issuance, authority, ports.clock.now()).ok).toBe(true);
      subjects.add(
        formatName(parseCertificatesPem(issuance.chainPem[1] ?? '')[0]?.subjectDer ?? new Uint8Array()),
      );
      await ports.clock.advance(days(7));
    }
    expect(issuers.length).toBeGreaterThan(45);
    expect(new Set(issuers).size).toBe(issuers.length);
    expect(subjects.size).toBeGreaterThan(45);
    expect(authority.roots()).toHaveLength(1);
    expect(ports.keys.keys.size).toBeLessThanOrEqual(7);
    expect(authority.status().alarms).toEqual([]);
  });

  it('is kept while more than a third of its life is left and replaced right after (csr:R1)', async () => {
    const { authority, ports } = await newAuthority();
    const before = authority.status();
    const due = before.authorities[1]?.renewsAt ?? 0;
    await ports.clock.advance(due - ports.clock.now() - seconds(10));
    await authority.checkNow();
    expect(authority.status().issuerId).toBe(before.issuerId);
    await ports.clock.advance(seconds(20));
    expect(authority.status().issuerId).not.toBe(before.issuerId);
  });

  it('leaves the certificates of its predecessor valid, which stays known until it ends (csr:R2)', async () => {
    const { authority, ports } = await newAuthority();
    await ports.clock.advance(days(19.5));
    const early = await issueCart(authority);
    await ports.clock.advance(days(1));
    expect((await issueCart(authority)).issuerKeyId).not.toBe(early.issuerKeyId);
    expect(validateIssuance(early, authority, ports.clock.now() - days(0.5)).ok).toBe(true);
    expect(authority.knownIssuers()).toHaveLength(3);
    expect(authority.status().authorities.map(({ role, state }) => `${role} ${state}`)).toEqual([
      'root active',
      'intermediate old',
      'intermediate active',
    ]);
    await ports.clock.advance(days(12));
    expect(authority.knownIssuers()).toHaveLength(2);
    const left = [...ports.keys.keys.keys()].filter((name) => !name.startsWith('jwt-'));
    expect(left.sort()).toEqual(['audit', 'intermediate-5', 'root-1']);
  });

  it('is renewed at the first request after a sleep that outlasted it', async () => {
    const { authority, ports } = await newAuthority();
    ports.clock.jumpWall(days(45));
    const issuance = await issueCart(authority);
    expect(validateIssuance(issuance, authority, ports.clock.now()).ok).toBe(true);
  });

  it('is not made to outlive its root, nor renewed in vain when it cannot', async () => {
    const settings: AuthoritySettings = {
      ...selfManaged,
      hierarchy: {
        ...defaultSelfManaged,
        root: { keyType: 'P-256', lifetime: days(40) },
        checkEvery: days(1),
      },
      rotation: { thresholds: {}, rootsAutomatic: false },
    };
    const { authority, ports } = await newAuthority(settings);
    const rootEnd = authority.roots()[0]?.notAfter ?? 0;
    await ports.clock.advance(days(39));
    expect(authority.status().authorities.find(({ role }) => role === 'root')).toMatchObject({
      endsSoon: true,
    });
    const issuance = await issueCart(authority, 5 * 86_400);
    expect([issuance.notAfter, issuance.shortenedToIssuer]).toEqual([rootEnd, true]);
    expect(ports.keys.keys.size).toBeLessThanOrEqual(6);
    await ports.clock.advance(days(2));
    await expect(issueCart(authority)).rejects.toMatchObject({
      code: 'CERT_GEN_ERROR',
      message: expect.stringMatching(/^signing certificate has expired at /) as string,
    });
    expect(authority.status()).toMatchObject({ ready: false });
  });

  it('can be switched on and off between starts', async () => {
    const { authority, ports } = await newAuthority(withoutIntermediate);
    await authority[Symbol.asyncDispose]();
    const on = await openAuthority(ports, selfManaged);
    expect((await issueCart(on)).chainPem).toHaveLength(3);
    await on[Symbol.asyncDispose]();
    const off = await openAuthority(ports, withoutIntermediate);
    expect((await issueCart(off)).chainPem).toHaveLength(2);
    expect(off.bundle().sequence).toBe(1n);
  });

  it('goes on signing when a renewal fails, says so, and tries again', async () => {
    const { authority, ports } = await newAuthority();
    ports.journal.failpoint = (step) => {
      if (step === 'before journal') throw new Error('disk is full');
    };
    await ports.clock.advance(days(22));
    expect((await issueCart(authority)).shortenedToIssuer).toBe(false);
    expect(authority.status().alarms).toMatchObject([{ message: 'disk is full' }]);
    ports.journal.failpoint = () => undefined;
    await ports.clock.advance(days(1));
    expect(authority.status()).toMatchObject({ alarms: [], ready: true });
    expect(authority.status().authorities.at(-1)?.notAfter).toBeGreaterThan(ports.clock.now() + days(25));
  });

  it('survives a crash before and after every step of its renewal (adv:S19)', async () => {
    const steps: string[] = [];
    for (let crashAt = 0; ; crashAt++) {
      const { authority, ports } = await newAuthority();
      let step = 0;
      const failpoint = (name: string) => {
        if (step++ < crashAt) return;
        steps.push(name);
        throw new Error('power cut');
      };
      ports.journal.failpoint = failpoint;
      ports.keys.failpoint = failpoint;
      ports.clock.jumpWall(days(21));
      await authority.checkNow();
      const crashed = step > crashAt;
      expect(validateIssuance(await issueCart(authority), authority, ports.clock.now()).ok).toBe(true);
      await authority[Symbol.asyncDispose]();

      ports.journal.failpoint = ports.keys.failpoint = () => undefined;
      const reopened = await openAuthority(ports, selfManaged);
      const issuance = await issueCart(reopened);
      expect(validateIssuance(issuance, reopened, ports.clock.now()).ok).toBe(true);
      expect(reopened.status().authorities.filter(({ state }) => state === 'active')).toHaveLength(2);
      const named = JSON.parse(ports.journal.text ?? '{}') as { slots: { name: string }[] };
      expect([...ports.keys.keys.keys()].sort()).toEqual(
        ['audit', ...named.slots.map(({ name }) => name)].sort(),
      );
      await reopened[Symbol.asyncDispose]();
      if (!crashed) break;
    }
    expect(steps.length).toBeGreaterThanOrEqual(6);
  });

  it('stops looking when it is disposed of', async () => {
    const { authority, ports } = await newAuthority();
    await authority[Symbol.asyncDispose]();
    expect(ports.clock.pendingTimers).toBe(0);
  });
});

describe('the key of the audit log', () => {
  it('is made with the authority, signs, and is missed when it is gone', async () => {
    const { ports } = await newAuthority();
    const signer = await openAuditSigner(ports.keys);
    const signature = await signer.sign(new Uint8Array([1, 2, 3]));
    expect(verify(null, new Uint8Array([1, 2, 3]), signer.publicKey.keyObject, signature)).toBe(true);
    ports.keys.keys.delete('audit');
    await expect(openAuditSigner(ports.keys)).rejects.toMatchObject({ code: 'AUTHORITY_KEY_MISSING' });
  });
});
