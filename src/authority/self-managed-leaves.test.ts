import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fakes/clock.ts';
import {
  cart,
  expectOpensslVerifies,
  fakePorts,
  issueCart,
  newAuthority,
  openssl,
  selfManaged,
  trustDomain,
  validateIssuance,
  withDirectory,
} from '../../test/support/authority.ts';
import { days } from '../base/duration.ts';
import { SpiffeId } from '../spiffe/index.ts';
import {
  defaultKeyPolicy,
  formatName,
  parseCertificate,
  parseCertificatesPem,
  parseCsrPem,
} from '../x509/index.ts';
import { initialiseAuthority, openAuthority } from './open-authority.ts';

describe('what a leaf takes from a CSR', () => {
  const csrFor = (subject: string) =>
    withDirectory((directory) => {
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
      const pem = openssl(['req', '-new', '-sha256', ...key, '-subj', subject], directory);
      return parseCsrPem(pem, defaultKeyPolicy);
    });

  it('is a common name of our own making, if it wants one and the SPIFFE ID fits (csr:S3)', async () => {
    const { authority } = await newAuthority();
    const csr = csrFor('/CN=anything');
    const long = SpiffeId.of(trustDomain, 'ns', 'shop', 'sa', 'a'.repeat(60));
    const subjects = await Promise.all(
      [cart, long].map(async (spiffeId) => {
        const issuance = await authority.issue({
          csr,
          spiffeId,
          requestedTtlSeconds: 0,
          commonNameWanted: csr.hasCommonName,
        });
        const leaf = parseCertificate(issuance.der);
        expect(leaf.extensions.find(({ oid }) => oid === '2.5.29.17')?.critical).toBe(true);
        return formatName(leaf.subjectDer);
      }),
    );
    expect(subjects).toEqual([`CN=${cart.uri}`, '']);
  });
});

describe('every leaf', () => {
  it('ends no later than its issuer and verifies by our validator, whatever was asked whenever (csr:S8 adv:C26 adv:C27)', async () => {
    const { authority, ports } = await newAuthority();
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: -10, max: 90 * 86_400 }),
        fc.integer({ min: 0, max: days(3) }),
        async (asked, pause) => {
          await ports.clock.advance(pause);
          const issuance = await issueCart(authority, asked);
          const [leaf, intermediate, root] = issuance.chainPem.flatMap((pem) => parseCertificatesPem(pem));
          if (leaf === undefined || intermediate === undefined || root === undefined)
            throw new Error('short chain');
          expect(leaf.notAfter <= intermediate.notAfter && intermediate.notAfter <= root.notAfter).toBe(true);
          expect(issuance.shortenedToIssuer && leaf.notAfter !== intermediate.notAfter).toBe(false);
          expect(validateIssuance(issuance, authority, Math.min(ports.clock.now(), leaf.notAfter)).ok).toBe(
            true,
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each([
    ['2038', '2037-11-30T00:00:00Z'],
    ['2050', '2049-11-20T00:00:00Z'],
  ])(
    'verifies by openssl, through renewals of the intermediate and past the year %s (adv:S15)',
    async (year, from) => {
      const clock = new FakeClock(from);
      const ports = fakePorts('openssl', clock);
      await initialiseAuthority(ports, selfManaged);
      const authority = await openAuthority(ports, selfManaged);
      for (let step = 0; step < 8; step++) {
        expectOpensslVerifies(await issueCart(authority, step * 40_000), clock.now());
        await clock.advance(days(9));
      }
      expect(new Date(clock.now()).getUTCFullYear()).toBe(Number(year));
    },
  );
});
