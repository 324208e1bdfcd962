/** Bounded mutation fuzz: thousands of damaged inputs; none crashes, none that was changed is accepted as signed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '../../src/base/bytes.ts';
import { isCastellanError } from '../../src/base/errors.ts';
import {
  checkDer,
  defaultKeyPolicy,
  formatCertificatePem,
  formatPem,
  lintCertificate,
  parseCertificatesPem,
  parseCrl,
  parseCsrDer,
  parseCsrPem,
  validatePath,
} from '../../src/x509/index.ts';
import { buildCrl } from '../support/crl.ts';
import { buildCsr, commonName, emptyOrganization, extension, uriSan } from '../support/csr.ts';
import { makeLeaf, makePki, newKey, testNow } from '../support/pki.ts';

type Edit =
  | { readonly kind: 'set' | 'insert'; readonly at: number; readonly byte: number }
  | { readonly kind: 'delete' | 'repeat'; readonly at: number; readonly length: number }
  | { readonly kind: 'truncate'; readonly at: number };

const at = fc.nat({ max: 2 ** 20 });
const interesting = fc.oneof(
  fc.constantFrom(0x00, 0x01, 0x02, 0x05, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff),
  fc.nat({ max: 255 }),
);
const anyEdit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constantFrom('set' as const, 'insert' as const), at, byte: interesting }),
  fc.record({
    kind: fc.constantFrom('delete' as const, 'repeat' as const),
    at,
    length: fc.integer({ min: 1, max: 40 }),
  }),
  fc.record({ kind: fc.constant('truncate' as const), at }),
);

function apply(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  let octets = [...bytes];
  for (const edit of edits) {
    if (octets.length === 0) break;
    const where = edit.at % octets.length;
    if (edit.kind === 'set') octets[where] = edit.byte;
    else if (edit.kind === 'insert') octets.splice(where, 0, edit.byte);
    else if (edit.kind === 'delete') octets.splice(where, edit.length);
    else if (edit.kind === 'repeat') octets.splice(where, 0, ...octets.slice(where, where + edit.length));
    else octets = octets.slice(0, where);
  }
  return Uint8Array.from(octets);
}

/** True when `read` returned; false when it refused as it should; anything else fails the test. */
function isAccepted(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (isCastellanError(error) && error.kind === 'invalid') return false;
    throw error;
  }
}

const seeds = [
  buildCsr(newKey(), { uri: 'spiffe://cluster.local/ns/shop/sa/cart' }),
  buildCsr(newKey('RSA'), { subjectDer: emptyOrganization, uri: 'spiffe://cluster.local/x' }),
  buildCsr(newKey('P-384'), {
    subjectDer: commonName('x'),
    extensions: [uriSan('spiffe://a/b'), extension('1.2.3', Uint8Array.of(5, 0))],
  }),
];
const edits = fc.array(anyEdit, { minLength: 1, maxLength: 4 });

describe('a CSR changed in one to four places', () => {
  it('is refused as invalid unless it came out the same, 6,000 times (adv:C03 adv:C04)', () => {
    fc.assert(
      fc.property(fc.constantFrom(...seeds), edits, (seed, changes) => {
        const changed = apply(seed, changes);
        const accepted = isAccepted(() => parseCsrDer(changed, defaultKeyPolicy));
        expect(accepted).toBe(equalBytes(changed, seed));
      }),
      { numRuns: 6000 },
    );
  });

  it('in its PEM text is refused unless the same request is in it, 3,000 times (adv:C02)', () => {
    fc.assert(
      fc.property(fc.constantFrom(...seeds), edits, (seed, changes) => {
        const pem = Buffer.from(apply(Buffer.from(formatPem('CERTIFICATE REQUEST', seed)), changes)).toString(
          'latin1',
        );
        let read: Uint8Array | undefined;
        isAccepted(() => {
          read = parseCsrPem(pem, defaultKeyPolicy).der;
        });
        if (read !== undefined) expect(equalBytes(read, seed)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('the DER gate', () => {
  const limits = { maxBytes: 4096, maxDepth: 20, maxNodes: 500, strictText: false };
  it('never does anything but pass or refuse, on noise and on what looks like DER, 6,000 times', () => {
    const tlv = fc.letrec<{ node: Uint8Array }>((tie) => ({
      node: fc
        .tuple(interesting, fc.oneof({ depthSize: 'small' }, fc.uint8Array({ maxLength: 20 }), tie('node')))
        .map(([tag, value]) => Uint8Array.from([tag, value.length & 0xff, ...value])),
    })).node;
    let passed = 0;
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), tlv), (bytes) => {
        if (isAccepted(() => checkDer(bytes, limits))) passed++;
      }),
      { numRuns: 6000 },
    );
    expect(passed).toBeGreaterThan(100);
  });
});

describe('a chain changed in one to four places', () => {
  it('is never valid, and gives a reason, 4,000 times (adv:M09)', async () => {
    const pki = await makePki();
    const { certificate } = await makeLeaf(pki.intermediate, 'spiffe://cluster.local/ns/shop/sa/cart');
    const chain = [certificate.der, pki.intermediate.certificate.der] as const;
    const rootsFor = () => [pki.root.certificate];
    fc.assert(
      fc.property(fc.constantFrom(0, 1), edits, (which, changes) => {
        const changed = apply(chain[which], changes);
        const presented = which === 0 ? [changed, chain[1]] : [chain[0], changed];
        const result = validatePath(presented, { now: testNow, purpose: 'client', rootsFor });
        expect(result.ok).toBe(equalBytes(changed, chain[which]));
        lintCertificate(changed);
      }),
      { numRuns: 4000 },
    );
  });

  it('in PEM, and CRLs, are read or refused without a crash, 2,000 times', async () => {
    const pki = await makePki();
    const pem = formatCertificatePem(pki.root.certificate.der).repeat(2);
    const crl = buildCrl(pki.rootKey, {
      issuerDer: pki.root.certificate.subjectDer,
      serials: [Uint8Array.of(1)],
    });
    fc.assert(
      fc.property(edits, (changes) => {
        isAccepted(() =>
          parseCertificatesPem(Buffer.from(apply(Buffer.from(pem), changes)).toString('latin1')),
        );
        const changed = apply(crl, changes);
        if (isAccepted(() => parseCrl(changed)) && !equalBytes(changed, crl))
          expect(parseCrl(changed).isIssuedBy(pki.root.certificate)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});
