import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PathReason, parseCertificate, validatePath } from '../../src/x509/index.ts';
import {
  type CertificateShape,
  clientAuth,
  formatPem,
  makeCertificate,
  makeKeys,
  type TestCertificate,
  type TestKeyPair,
  x509,
} from '../support/foreign-pki.ts';
import { OpensslBench } from '../support/openssl.ts';

/**
 * Chains drawn with faults, judged by our path validator and by `openssl verify`. There is no package of the public
 * collections of such chains, so these are drawn anew in each run.
 */
const numRuns = Number(process.env['CASTELLAN_PATH_RUNS'] ?? 120);
const cart = 'spiffe://cluster.local/ns/shop/sa/cart';
const hour = 3_600_000;
const codeSigning = '1.3.6.1.5.5.7.3.3';
const { KeyUsageFlags } = x509;

/** A fault of one certificate, as a change of its shape, or of who signs it. */
interface Fault {
  readonly shape?: (good: CertificateShape) => CertificateShape;
  readonly wrongSigner?: true;
  /** Rules of SPIFFE that openssl does not know. */
  readonly spiffeOnly?: true;
}

const unknownCritical = new x509.Extension('1.3.6.1.4.1.55555.1', true, new Uint8Array([5, 0]));

/** DER of nameConstraints with one URI subtree, permitted (0xa0) or excluded (0xa1). */
function uriConstraint(kind: 0xa0 | 0xa1, host: string): x509.Extension {
  const text = Buffer.from(host, 'latin1');
  const base = Buffer.concat([Buffer.from([0x86, text.length]), text]);
  const subtree = Buffer.concat([Buffer.from([0x30, base.length]), base]);
  const trees = Buffer.concat([Buffer.from([kind, subtree.length]), subtree]);
  return new x509.Extension('2.5.29.30', true, Buffer.concat([Buffer.from([0x30, trees.length]), trees]));
}

const anywhere: Readonly<Record<string, Fault>> = {
  expired: {
    shape: (good) => ({
      ...good,
      notBefore: new Date(Date.now() - 9 * hour),
      notAfter: new Date(Date.now() - hour),
    }),
  },
  'not yet valid': { shape: (good) => ({ ...good, notBefore: new Date(Date.now() + hour / 2) }) },
  'unknown critical extension': {
    shape: (good) => ({ ...good, extensions: [...(good.extensions ?? []), unknownCritical] }),
  },
  'signed by another key': { wrongSigner: true },
};
const ofAuthorities: Readonly<Record<string, Fault>> = {
  ...anywhere,
  'no authority': { shape: (good) => ({ ...good, isCa: false }) },
  'may not sign': { shape: (good) => ({ ...good, keyUsage: KeyUsageFlags.cRLSign }) },
  'path length 0': { shape: (good) => ({ ...good, pathLength: 0 }) },
  'only for another domain': {
    shape: (good) => ({ ...good, extensions: [uriConstraint(0xa0, 'other.example')] }),
  },
  'not for our domain': {
    shape: (good) => ({ ...good, extensions: [uriConstraint(0xa1, 'cluster.local')] }),
  },
  'for our domain': { shape: (good) => ({ ...good, extensions: [uriConstraint(0xa0, 'cluster.local')] }) },
};
const ofLeaves: Readonly<Record<string, Fault>> = {
  ...anywhere,
  'for signing code': { shape: (good) => ({ ...good, extendedKeyUsage: [codeSigning] }) },
  'client only': { shape: (good) => ({ ...good, extendedKeyUsage: [clientAuth] }) },
  'no identity': { shape: (good) => ({ ...good, uris: [], dnsNames: ['cart'] }), spiffeOnly: true },
  'two identities': { shape: (good) => ({ ...good, uris: [cart, `${cart}2`] }), spiffeOnly: true },
  'another trust domain': {
    shape: (good) => ({ ...good, uris: ['spiffe://other.example/ns/shop/sa/cart'] }),
    spiffeOnly: true,
  },
};
/** Drawn like faults, and no fault: both must take them (where nothing else is wrong). */
const harmless = new Set(['for our domain', 'client only']);
/** Where we are stricter than openssl for reasons of our own; anything else is a finding. */
const stricter: ReadonlySet<PathReason> = new Set(['leaf_is_authority']);

interface Drawn {
  /** Of each authority below the root, and of the leaf last: the name of a fault, or undefined. */
  readonly faults: readonly (string | undefined)[];
  readonly reversed: boolean;
}

const oneOf = (faults: Readonly<Record<string, Fault>>) =>
  fc.option(fc.constantFrom(...Object.keys(faults)), { nil: undefined, freq: 2 });
const drawn: fc.Arbitrary<Drawn> = fc.record({
  faults: fc
    .tuple(fc.array(oneOf(ofAuthorities), { maxLength: 3 }), oneOf(ofLeaves))
    .map(([authorities, leaf]) => [...authorities, leaf]),
  reversed: fc.boolean(),
});

let keys: readonly TestKeyPair[];
let root: TestCertificate;
let stranger: TestCertificate;
const openssl = new OpensslBench();
beforeAll(async () => {
  keys = await Promise.all(Array.from({ length: 4 }, () => makeKeys()));
  root = await makeCertificate({ subject: 'O=root', isCa: true });
  stranger = await makeCertificate({ subject: 'O=stranger', isCa: true });
});
afterAll(() => openssl[Symbol.dispose]());

/** Root side first, leaf last. */
async function build({ faults }: Drawn): Promise<TestCertificate[]> {
  const chain: TestCertificate[] = [];
  let issuer = root;
  for (const [index, name] of faults.entries()) {
    const isLeaf = index === faults.length - 1;
    const fault = name === undefined ? undefined : (isLeaf ? ofLeaves : ofAuthorities)[name];
    const own = keys[index] as TestKeyPair;
    const good: CertificateShape = isLeaf
      ? { uris: [cart], keys: own }
      : { subject: `O=authority ${index}`, isCa: true, keys: own };
    const shape = fault?.shape?.(good) ?? good;
    // The same name as the real issuer, another key.
    const posing = { ...issuer, pair: stranger.pair };
    const made = await makeCertificate(shape, fault?.wrongSigner ? posing : issuer);
    chain.push(made);
    issuer = made;
  }
  return chain;
}

function judgeOurs(chain: readonly TestCertificate[], reversed: boolean) {
  const [leaf, ...others] = chain.toReversed().map(({ der }) => der);
  const presented = [leaf as Uint8Array, ...(reversed ? others.toReversed() : others)];
  const roots = [parseCertificate(root.der)];
  return validatePath(presented, {
    now: Date.now(),
    purpose: 'client',
    rootsFor: (domain) => (domain === 'cluster.local' ? roots : undefined),
  });
}

function judgeOpenssl(chain: readonly TestCertificate[]): boolean {
  const pem = (of: readonly TestCertificate[]) => of.map(({ der }) => formatPem('CERTIFICATE', der)).join('');
  const files = {
    root: openssl.file(pem([root]), 'root.pem'),
    others: openssl.file(pem(chain.slice(0, -1)), 'others.pem'),
    leaf: openssl.file(pem(chain.slice(-1)), 'leaf.pem'),
  };
  const others = chain.length > 1 ? ['-untrusted', files.others] : [];
  return openssl.try('verify', '-purpose', 'sslclient', '-CAfile', files.root, ...others, files.leaf).ok;
}

describe('chains drawn with faults', () => {
  it(
    `are refused by us wherever openssl refuses them, and taken by both when nothing is wrong, ${numRuns} times (spiffe:X-17 spiffe:X-18)`,
    async () => {
      const seen = { taken: 0, refused: 0 };
      const judge = async (one: Drawn) => {
        const chain = await build(one);
        const [ours, theirs] = [judgeOurs(chain, one.reversed), judgeOpenssl(chain)];
        seen[ours.ok ? 'taken' : 'refused']++;
        const said = JSON.stringify([one.faults, ours.ok ? 'taken' : ours.reason]);
        if (ours.ok) expect(theirs, `taken by us alone: ${said}`).toBe(true);
        const leafFault = one.faults.at(-1);
        const isSpiffeFault = leafFault !== undefined && ofLeaves[leafFault]?.spiffeOnly === true;
        if (isSpiffeFault) expect(ours.ok, said).toBe(false);
        if (one.faults.every((name) => name === undefined || harmless.has(name)))
          expect([ours.ok, theirs], said).toEqual([true, true]);
        if (theirs && !ours.ok && !isSpiffeFault) expect([...stricter], said).toContain(ours.reason);
      };
      await fc.assert(fc.asyncProperty(drawn, judge), { numRuns });
      // A generator that draws only one kind would show nothing.
      expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(numRuns / 20);
    },
    60_000 + numRuns * 2_000,
  );
});
