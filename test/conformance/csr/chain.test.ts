import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../fakes/clock.ts';
import { cacertsFiles, makeAuthority, makeCrl, writeCacerts } from '../../support/cacerts.ts';
import { AccountIssuer, scratchDirectory } from '../../support/callers.ts';
import { type Castellan, type CastellanOptions, castellan } from '../../support/castellan.ts';
import { leafOf, parsePem } from '../../support/certificates.ts';
import { makeCsr, type TestCertificate } from '../../support/foreign-pki.ts';
import { type Answer, IstioClient, tlsCredentials } from '../../support/istio-client.ts';

const accounts = new AccountIssuer();
const [minute, hour] = [60_000, 3_600_000];

const serverWith = (yaml = '', options: CastellanOptions = {}) =>
  castellan({ settings: `${accounts.settings}${yaml}`, ...options });
const plugged = (directory: string) => `authority: { cacertsDir: '${directory}', workloadTtl: 1h }\n`;

async function ask(ca: Castellan, validityDuration = 0n): Promise<Answer> {
  using client = ca.client();
  return await client.create({ csr: (await makeCsr()).pem, validityDuration }, accounts.bearer());
}

/** What the `openssl` command makes of the answer, with nothing but the last element as trust. */
function verifyWithOpenssl(chain: readonly string[]): string {
  const directory = scratchDirectory();
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const roots = file('roots.pem', chain.at(-1) ?? '');
  const middle = chain.slice(1, -1).join('');
  const untrusted = middle === '' ? [] : ['-untrusted', file('middle.pem', middle)];
  const leaf = file('leaf.pem', chain[0] ?? '');
  return execFileSync(
    'openssl',
    ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', roots, ...untrusted, leaf],
    {
      encoding: 'utf8',
    },
  );
}

/** Every element but the last is one certificate; each ends in a newline. */
function shapeOf(chain: readonly string[]): number[] {
  for (const element of chain) expect(element.endsWith('-----END CERTIFICATE-----\n')).toBe(true);
  return chain.map((element) => parsePem(element).length);
}

describe('the chain of a self-managed authority', () => {
  it('is leaf and root when the intermediate is off (csr:C1)', async () => {
    await using ca = await serverWith('authority: { intermediate: false }\n');
    const { chain } = await ask(ca);
    expect(shapeOf(chain)).toEqual([1, 1]);
    expect(chain[1]).toBe(ca.rootsPem());
    expect(verifyWithOpenssl(chain)).toContain('OK');
  });

  it('is leaf, intermediate and root by default (csr:C1)', async () => {
    await using ca = await serverWith();
    const { chain } = await ask(ca);
    expect(shapeOf(chain)).toEqual([1, 1, 1]);
    expect(verifyWithOpenssl(chain)).toContain('OK');
  });
});

describe('a plugged-in authority', () => {
  let root: TestCertificate;
  let upper: TestCertificate;
  let signer: TestCertificate;

  beforeAll(async () => {
    root = await makeAuthority('root');
    upper = await makeAuthority('upper', root);
    signer = await makeAuthority('signer', upper);
  });

  it('with two intermediates gives each a string of its own, then the root (csr:C2)', async () => {
    await using ca = await serverWith(
      plugged(writeCacerts({ signer, chain: [signer, upper], roots: [root] })),
    );
    const { chain } = await ask(ca);
    expect(shapeOf(chain)).toEqual([1, 1, 1, 1]);
    expect(chain.slice(1)).toEqual([signer.pem, upper.pem, root.pem]);
    expect(verifyWithOpenssl(chain)).toContain('OK');
  });

  it('with two roots gives both in the last string (csr:C3)', async () => {
    const other = await makeAuthority('other root');
    const directory = writeCacerts({ signer, chain: [signer, upper], roots: [root, other] });
    await using ca = await serverWith(plugged(directory));
    const { chain } = await ask(ca);
    expect(shapeOf(chain)).toEqual([1, 1, 1, 2]);
    expect(chain.at(-1)).toBe(root.pem + other.pem);
  });

  it('with blank lines at the end of its chain file gives no empty string (csr:C4)', async () => {
    const files = { 'cert-chain.pem': `${signer.pem}${upper.pem}\n\n \n` };
    await using ca = await serverWith(plugged(writeCacerts({ signer, chain: [], roots: [root], files })));
    expect(shapeOf((await ask(ca)).chain)).toEqual([1, 1, 1, 1]);
  });

  it('of the kubernetes.io/tls layout has the root in the middle too', async () => {
    const files = {
      'tls.crt': signer.pem + upper.pem,
      'tls.key': signer.privateKeyPem,
      'ca.crt': root.pem,
      ...Object.fromEntries(
        Object.keys(cacertsFiles({ signer, chain: [], roots: [] })).map((name) => [name, undefined]),
      ),
    };
    await using ca = await serverWith(plugged(writeCacerts({ signer, chain: [], roots: [], files })));
    expect(shapeOf((await ask(ca)).chain)).toEqual([1, 1, 1, 1, 1]);
  });

  it.each(['ca-cert.pem', 'ca-key.pem', 'cert-chain.pem', 'root-cert.pem'])(
    'without %s does not start, and says so (csr:P1)',
    async (name) => {
      const directory = writeCacerts({
        signer,
        chain: [signer, upper],
        roots: [root],
        files: { [name]: undefined },
      });
      await expect(serverWith(plugged(directory))).rejects.toMatchObject({
        code: 'CACERTS_INCOMPLETE',
        message: expect.stringContaining(name) as string,
      });
    },
  );

  it('whose key belongs to another certificate does not start (csr:P2)', async () => {
    const files = { 'ca-key.pem': upper.privateKeyPem };
    await expect(
      serverWith(plugged(writeCacerts({ signer, chain: [signer, upper], roots: [root], files }))),
    ).rejects.toMatchObject({ code: 'CACERTS_KEY_MISMATCH' });
  });

  it('that is no CA, does not reach its root, or has ended does not start (csr:P2)', async () => {
    const leaf = await makeAuthority('leaf', upper, { isCa: false });
    const stranger = await makeAuthority('stranger');
    const ended = await makeAuthority('ended', upper, {
      notBefore: new Date(Date.now() - 2 * hour),
      notAfter: new Date(Date.now() - hour),
    });
    const cases = [
      [{ signer: leaf, chain: [leaf, upper], roots: [root] }, 'CACERTS_NOT_A_CA'],
      [{ signer, chain: [signer, upper], roots: [stranger] }, 'CACERTS_CHAIN_BROKEN'],
      [{ signer: ended, chain: [ended, upper], roots: [root] }, 'CACERTS_EXPIRED'],
    ] as const;
    for (const [material, code] of cases)
      await expect(serverWith(plugged(writeCacerts(material)))).rejects.toMatchObject({ code });
  });

  it('whose revocation lists leave out a CA of the chain does not start; with all of them it does (csr:P3)', async () => {
    const [byRoot, byUpper, bySigner] = [await makeCrl(root), await makeCrl(upper), await makeCrl(signer)];
    const material = { signer, chain: [signer, upper], roots: [root] };
    await expect(serverWith(plugged(writeCacerts({ ...material, crlPem: byUpper })))).rejects.toMatchObject({
      code: 'CACERTS_CRL_MISSING',
    });
    const complete = writeCacerts({ ...material, crlPem: byRoot + byUpper + bySigner });
    await using ca = await serverWith(plugged(complete));
    expect((await ask(ca)).chain).toHaveLength(4);
  });

  it('takes more roots, then fewer, in any order, but no swap (csr:R3)', async () => {
    const b = await makeAuthority('root b');
    const signerOfB = await makeAuthority('signer b', b);
    const underA = { signer, chain: [signer, upper] };
    const directory = writeCacerts({ ...underA, roots: [root] });
    await using ca = await serverWith(plugged(directory));
    const { authority } = ca.server.state;
    const sequence = () => authority.bundle().sequence;
    // Trusts both: our own certificate follows the new signer a moment later.
    const lastElement = async () => {
      using client = new IstioClient(ca.address, tlsCredentials({ rootsPem: root.pem + b.pem }));
      return (await client.create({ csr: (await makeCsr()).pem }, accounts.bearer())).chain.at(-1);
    };
    const change = async (of: Parameters<typeof writeCacerts>[0]) => {
      writeCacerts(of, directory);
      await authority.checkNow();
    };
    const first = sequence();

    await change({ ...underA, roots: [root, b] });
    expect(await lastElement()).toBe(root.pem + b.pem);
    expect(sequence()).toBe(first + 1n);

    await change({ ...underA, roots: [b, root] });
    expect(await lastElement()).toContain(b.pem);
    expect(sequence()).toBe(first + 1n);

    await change({ signer: signerOfB, chain: [signerOfB], roots: [b] });
    expect(await lastElement()).toBe(b.pem);
    expect(sequence()).toBe(first + 2n);

    const c = await makeAuthority('root c');
    await change({ signer: await makeAuthority('signer c', c), chain: [], roots: [c] });
    expect(await lastElement()).toBe(b.pem);
    expect(authority.status().alarms.length).toBeGreaterThan(0);
  });
});

describe('a signer near its end', () => {
  const ending = async (lifetime: number) => {
    const root = await makeAuthority('root');
    const signer = await makeAuthority('signer', root, { notAfter: new Date(Date.now() + lifetime) });
    return { signer, directory: writeCacerts({ signer, chain: [signer], roots: [root] }) };
  };

  it('gives certificates that end when it does, and says so in answer and record (csr:S8 adv:C27)', async () => {
    const { signer, directory } = await ending(hour);
    const yaml = `authority: { cacertsDir: '${directory}', workloadTtl: 30m, maxWorkloadTtl: 2h }\n`;
    await using ca = await serverWith(yaml);
    const { chain, trailers } = await ask(ca, 7200n);
    const leaf = leafOf(chain);
    expect(leaf.notAfter).toBe(signer.certificate.notAfter.getTime());
    expect(trailers.get('x-castellan-lifetime-shortened')).toEqual(['true']);
    const record = await ca.server.state.store.issuances.findBySerial(leaf.serial);
    expect(record).toMatchObject({ shortened: true, notAfter: leaf.notAfter });
  });

  it('gives none once it has ended: INTERNAL, not ready, and the metric (csr:S9)', async () => {
    const clock = new FakeClock(Date.now());
    const { directory } = await ending(5 * minute);
    const yaml = `authority: { cacertsDir: '${directory}', workloadTtl: 1m }\n`;
    await using ca = await serverWith(yaml, { environment: { clock } });
    // One connection throughout: a new one would meet a serving certificate from the future.
    using client = ca.client();
    const csr = (await makeCsr()).pem;
    expect((await client.create({ csr }, accounts.bearer({}, clock.now()))).chain).toHaveLength(3);
    await clock.advance(6 * minute);
    const error = await client.refused({ csr }, accounts.bearer({}, clock.now()));
    expect(error.code).toBe(status.INTERNAL);
    expect(error.details).toMatch(/^CSR signing error \(signing certificate has expired at /);
    expect(ca.server.state.authority.status().ready).toBe(false);
    const metrics = await (await fetch(`http://${ca.server.endpoints.observability}/metrics`)).text();
    expect(metrics).toContain('citadel_server_csr_sign_err_count{error="CERT_GEN_ERROR"} 1');
    expect((await fetch(`http://${ca.server.endpoints.observability}/readyz`)).status).toBe(503);
  });
});
