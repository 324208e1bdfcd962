/**
 * One issuance in process: PEM CSR in, leaf PEM out, with gate, key policy, lints, signature and re-read. The floor
 * is what no issuer can avoid, measured in the same run: import the CSR's key, verify its signature, sign the leaf.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { parseTrustDomain, SpiffeId } from '../../src/spiffe/index.ts';
import {
  buildRoot,
  defaultKeyPolicy,
  formatCertificatePem,
  formatPem,
  type Issuer,
  issueLeaf,
  type LeafProfile,
  leafProfile,
  localSigner,
  parseCertificate,
  parseCsrPem,
  parsePublicKey,
  readPublicKey,
} from '../../src/x509/index.ts';
import { buildCsr } from '../../test/support/csr.ts';
import { against, type Bench, cpuPerCall, type Figure, median } from '../support/bench.ts';

const trustDomain = parseTrustDomain('cluster.local');
const spiffeId = SpiffeId.parse('spiffe://cluster.local/ns/shop/sa/cart');
const now = Date.parse('2026-06-01T12:00:00Z');
const day = 86_400_000;
const calls = 400;

export const bench: Bench = async () => {
  const issuer = await makeIssuer();
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  return [
    ...(await issuance('P-256', ec, issuer)),
    ...(await issuance('RSA-2048', rsa, issuer)),
    await rsaChecks(rsa),
  ];
};

/** Work and floor take turns, so that both see the same machine; the median of each is reported. */
async function issuance(name: string, workloadKey: KeyObject, issuer: TestIssuer): Promise<Figure[]> {
  const csrDer = buildCsr(workloadKey, { uri: spiffeId.uri });
  const csrPem = formatPem('CERTIFICATE REQUEST', csrDer);
  const csr = parseCsrPem(csrPem, defaultKeyPolicy);
  const spki = Buffer.from(csr.publicKey.spkiDer);
  const tbs = parseCertificate((await issueOne(csrPem, issuer)).der).tbsDer;
  const signature = sign('sha256', csrDer, workloadKey);
  const floorOnce = () => {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    verify('sha256', csrDer, key, signature);
    sign('sha256', tbs, issuer.key);
  };
  const work: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round < 25; round++) {
    const pair = [
      await cpuPerCall(calls, floorOnce, 1),
      await cpuPerCall(calls, () => issueOne(csrPem, issuer), 1),
    ] as const;
    // The first rounds also pay for compiling the JavaScript, which a server does once.
    if (round < 5) continue;
    floor.push(pair[0]);
    work.push(pair[1]);
  }
  return [
    against(median(floor), { name: `${name} CSR to leaf, PEM to PEM`, value: median(work), unit: 'µs CPU' }),
    {
      name: `${name} reading the CSR`,
      value: await cpuPerCall(calls, () => parseCsrPem(csrPem, defaultKeyPolicy), 3),
      unit: 'µs CPU',
    },
  ];
}

/** Small primes, ROCA and Fermat over an honest modulus: the difference of reading a key with and without. */
async function rsaChecks(key: KeyObject): Promise<Figure> {
  const spki = localSigner(key).publicKey.spkiDer;
  const plain = await cpuPerCall(calls, () => readPublicKey(spki), 3);
  const checked = await cpuPerCall(calls, () => parsePublicKey(spki, defaultKeyPolicy), 3);
  return { name: 'RSA-2048 key checks alone', value: checked - plain, unit: 'µs CPU' };
}

interface TestIssuer {
  readonly issuer: Issuer;
  readonly key: KeyObject;
  readonly profile: LeafProfile;
}

async function makeIssuer(): Promise<TestIssuer> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const signer = localSigner(key);
  const der = await buildRoot({
    trustDomain,
    signer,
    serial: Uint8Array.of(1),
    notBefore: now - day,
    notAfter: now + 365 * day,
  });
  const issuer = { certificate: parseCertificate(der), signer };
  return { issuer, key, profile: leafProfile({ trustDomain }) };
}

let issued = 0;

async function issueOne(csrPem: string, { issuer, profile }: TestIssuer) {
  const csr = parseCsrPem(csrPem, defaultKeyPolicy);
  const serial = new Uint8Array(16).fill(0x11);
  new DataView(serial.buffer).setUint32(12, issued++);
  const request = {
    spkiDer: csr.publicKey.spkiDer,
    spiffeId,
    notBefore: now - 120_000,
    notAfter: now + day,
    serial,
  };
  const { der } = await issueLeaf(issuer, profile, request, now);
  return { der, pem: formatCertificatePem(der) };
}
