/** A small hierarchy for tests: fresh keys, a root, an issuing intermediate, leaves and CSRs on demand. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { parseTrustDomain, SpiffeId } from '../../src/spiffe/index.ts';
import {
  buildIntermediate,
  buildRoot,
  type Certificate,
  type Issuer,
  issueLeaf,
  type KeyAlgorithm,
  type LeafRequest,
  leafProfile,
  localSigner,
  parseCertificate,
  publicKeyOf,
} from '../../src/x509/index.ts';
import { FakeRandom } from '../fakes/random.ts';

export const testNow = Date.parse('2026-06-01T12:00:00Z');
export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

export function newKey(algorithm: KeyAlgorithm = 'P-256', rsaBits = 2048): KeyObject {
  if (algorithm === 'RSA') return generateKeyPairSync('rsa', { modulusLength: rsaBits }).privateKey;
  if (algorithm === 'Ed25519') return generateKeyPairSync('ed25519').privateKey;
  return generateKeyPairSync('ec', { namedCurve: algorithm }).privateKey;
}

const random = new FakeRandom('pki');

/** 16 octets, positive. */
export function newSerial(): Uint8Array {
  const serial = random.bytes(16);
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  return serial;
}

export interface TestPki {
  readonly rootKey: KeyObject;
  readonly root: Issuer;
  readonly intermediateKey: KeyObject;
  readonly intermediate: Issuer;
}

export interface PkiOptions {
  readonly trustDomain?: string;
  readonly algorithm?: KeyAlgorithm;
  readonly now?: number;
}

export async function makePki(options: PkiOptions = {}): Promise<TestPki> {
  const { algorithm = 'P-256', now = testNow } = options;
  const trustDomain = parseTrustDomain(options.trustDomain ?? 'cluster.local');
  const rootKey = newKey(algorithm);
  const rootSigner = localSigner(rootKey);
  const times = { notBefore: now - hour, notAfter: now + 3650 * day };
  const rootDer = await buildRoot({ trustDomain, signer: rootSigner, serial: newSerial(), ...times });
  const root: Issuer = { certificate: parseCertificate(rootDer), signer: rootSigner };
  const intermediateKey = newKey(algorithm);
  const signer = localSigner(intermediateKey);
  const der = await buildIntermediate({
    trustDomain,
    issuer: root,
    publicKey: signer.publicKey,
    serial: newSerial(),
    notBefore: now - hour,
    notAfter: now + 30 * day,
  });
  return { rootKey, root, intermediateKey, intermediate: { certificate: parseCertificate(der), signer } };
}

export type LeafOptions = Partial<Omit<LeafRequest, 'spiffeId' | 'spkiDer'>> & { readonly key?: KeyObject };

/** A day's leaf by our own builder. */
export async function makeLeaf(
  issuer: Issuer,
  id: string,
  options: LeafOptions = {},
): Promise<{ readonly certificate: Certificate; readonly key: KeyObject }> {
  const { key = newKey(), ...rest } = options;
  const spiffeId = SpiffeId.parse(id);
  const profile = leafProfile({ trustDomain: spiffeId.trustDomain, allowOtherNames: true });
  const request: LeafRequest = {
    spkiDer: publicKeyOf(key).spkiDer,
    spiffeId,
    notBefore: testNow - 2 * minute,
    notAfter: testNow + day,
    serial: newSerial(),
    ...rest,
  };
  const leaf = await issueLeaf(issuer, profile, request, Math.max(testNow, request.notBefore));
  return { certificate: parseCertificate(leaf.der), key };
}
