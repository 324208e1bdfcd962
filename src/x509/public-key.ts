import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import { x509Errors } from './errors.ts';
import { explainRefusedKey } from './refused-key.ts';
import { findRsaWeakness } from './rsa-weakness.ts';

export type KeyAlgorithm = 'P-256' | 'P-384' | 'RSA' | 'Ed25519';

/** A public key that passed the allow-list. */
export interface PublicKey {
  readonly spkiDer: Uint8Array;
  readonly algorithm: KeyAlgorithm;
  /** Size of the curve's field or of the RSA modulus. */
  readonly bits: number;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly spkiSha256: string;
  /** Subject key identifier: the first 160 bits of SHA-256 over the key's bits (RFC 7093 §2 method 1). */
  readonly keyId: Uint8Array;
  readonly keyObject: KeyObject;
}

export interface KeyPolicy {
  /** Off by default: support in proxies is uneven (C15). */
  readonly allowEd25519: boolean;
  /** SHA-256 of refused SubjectPublicKeyInfos, lower-case hex (C16). */
  readonly blockedSpki: ReadonlySet<string>;
}

export const defaultKeyPolicy: KeyPolicy = Object.freeze({
  allowEd25519: false,
  blockedSpki: new Set<string>(),
});

/** For keys of authorities and peers, which others have vouched for: every algorithm we know, nothing blocked. */
export const authorityKeyPolicy: KeyPolicy = Object.freeze({
  allowEd25519: true,
  blockedSpki: new Set<string>(),
});

/** One allowed encoding: a SubjectPublicKeyInfo is `prefix`, `keyBytes` octets, `suffix`, and nothing else. */
interface KeyShape {
  readonly algorithm: KeyAlgorithm;
  readonly bits: number;
  readonly prefix: Uint8Array;
  readonly keyBytes: number;
  readonly suffix: Uint8Array;
  /** Where the content of the BIT STRING begins: what the key identifier is computed over. */
  readonly keyBitsAt: number;
}

const shape = (
  name: readonly [KeyAlgorithm, number],
  prefixHex: string,
  size: { keyBytes: number; keyBitsAt: number; suffixHex?: string },
): KeyShape => ({
  algorithm: name[0],
  bits: name[1],
  prefix: Buffer.from(prefixHex, 'hex'),
  keyBytes: size.keyBytes,
  suffix: Buffer.from(size.suffixHex ?? '', 'hex'),
  keyBitsAt: size.keyBitsAt,
});

/** `04`, an uncompressed point, ends the prefixes of the curves; `02 03 01 00 01`, e = 65537, is RSA's suffix. */
const rsaAlgorithm = '300d06092a864886f70d0101010500';
const shapes: readonly KeyShape[] = [
  shape(['P-256', 256], '3059301306072a8648ce3d020106082a8648ce3d03010703420004', {
    keyBytes: 64,
    keyBitsAt: 26,
  }),
  shape(['P-384', 384], '3076301006072a8648ce3d020106052b8104002203620004', { keyBytes: 96, keyBitsAt: 23 }),
  shape(['Ed25519', 256], '302a300506032b6570032100', { keyBytes: 32, keyBitsAt: 12 }),
  shape(['RSA', 2048], `30820122${rsaAlgorithm}0382010f003082010a0282010100`, {
    keyBytes: 256,
    keyBitsAt: 24,
    suffixHex: '0203010001',
  }),
  shape(['RSA', 3072], `308201a2${rsaAlgorithm}0382018f003082018a0282018100`, {
    keyBytes: 384,
    keyBitsAt: 24,
    suffixHex: '0203010001',
  }),
  shape(['RSA', 4096], `30820222${rsaAlgorithm}0382020f003082020a0282020100`, {
    keyBytes: 512,
    keyBitsAt: 24,
    suffixHex: '0203010001',
  }),
];

const shapesByLength = new Map(
  shapes.map((s) => [s.prefix.length + s.keyBytes + s.suffix.length, s] as const),
);

function matchesAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

/** The allowed encoding that these bytes have, if any. A key has one encoding only, so its hash names it. */
function findShape(spkiDer: Uint8Array): KeyShape | undefined {
  const found = shapesByLength.get(spkiDer.length);
  if (found === undefined || !matchesAt(spkiDer, 0, found.prefix)) return undefined;
  if (!matchesAt(spkiDer, spkiDer.length - found.suffix.length, found.suffix)) return undefined;
  if (found.algorithm !== 'RSA') return found;
  const first = spkiDer[found.prefix.length] as number;
  const last = spkiDer[found.prefix.length + found.keyBytes - 1] as number;
  return first >= 0x80 && last % 2 === 1 ? found : undefined;
}

/** True when the encoding is one of the allowed ones: what a lint can see without arithmetic. */
export function hasAllowedShape(spkiDer: Uint8Array): boolean {
  return findShape(spkiDer) !== undefined;
}

/** The subject key identifier of an allowed SubjectPublicKeyInfo, without importing the key. */
export function keyIdOf(spkiDer: Uint8Array): Uint8Array {
  const found = findShape(spkiDer);
  if (found === undefined) throw refuseKey(explainRefusedKey(spkiDer));
  return keyIdOfBits(spkiDer, found.keyBitsAt);
}

export function isRsaSpki(spkiDer: Uint8Array): boolean {
  return findShape(spkiDer)?.algorithm === 'RSA';
}

function keyIdOfBits(spkiDer: Uint8Array, at: number): Uint8Array {
  // As text, since Node makes strings of hashes faster than buffers.
  const digest = hash('sha256', spkiDer.subarray(at), 'latin1');
  const keyId = new Uint8Array(20);
  for (let i = 0; i < keyId.length; i++) keyId[i] = digest.charCodeAt(i);
  return keyId;
}

class ParsedPublicKey implements PublicKey {
  readonly spkiDer: Uint8Array;
  readonly algorithm: KeyAlgorithm;
  readonly bits: number;
  readonly #keyBitsAt: number;
  #keyObject: KeyObject | undefined;
  #spkiSha256: string | undefined;
  #keyId: Uint8Array | undefined;

  constructor(spkiDer: Uint8Array, found: KeyShape) {
    this.spkiDer = spkiDer;
    this.algorithm = found.algorithm;
    this.bits = found.bits;
    this.#keyBitsAt = found.keyBitsAt;
    Object.freeze(this);
  }

  /** Throws KEY_REFUSED for a point that is not on its curve. */
  get keyObject(): KeyObject {
    this.#keyObject ??= importKey(this.spkiDer);
    return this.#keyObject;
  }

  get spkiSha256(): string {
    this.#spkiSha256 ??= hash('sha256', this.spkiDer, 'hex');
    return this.#spkiSha256;
  }

  get keyId(): Uint8Array {
    this.#keyId ??= keyIdOfBits(this.spkiDer, this.#keyBitsAt);
    return this.#keyId;
  }
}

/**
 * Reads a SubjectPublicKeyInfo by allow-list: named curves P-256 and P-384 with an uncompressed point that is on
 * the curve; RSA of 2048, 3072 or 4096 bits with e = 65537 and no known weakness; Ed25519 where allowed.
 * Throws KEY_REFUSED, naming why, or KEY_BLOCKED.
 */
export function parsePublicKey(spkiDer: Uint8Array, policy: KeyPolicy): PublicKey {
  return imported(parseUnprovedKey(spkiDer, policy));
}

/** As `parsePublicKey` with nothing switched off or blocked, and without the arithmetic on RSA moduli. */
export function readPublicKey(spkiDer: Uint8Array): PublicKey {
  return imported(readShape(spkiDer));
}

/**
 * As `parsePublicKey`, but for a key that signed something which is verified next: OpenSSL decodes the point then,
 * and making a key object for it would be the largest avoidable cost of an issuance.
 */
export function parseUnprovedKey(spkiDer: Uint8Array, policy: KeyPolicy): PublicKey {
  const key = readShape(spkiDer);
  if (key.algorithm === 'Ed25519' && !policy.allowEd25519) throw refuseKey('Ed25519 keys are switched off');
  if (policy.blockedSpki.size > 0 && policy.blockedSpki.has(key.spkiSha256)) throw x509Errors.KEY_BLOCKED();
  if (key.algorithm === 'RSA') checkRsaModulus(key);
  return key;
}

/** Makes the key object now, so that a point off its curve is refused here and not at first use. */
function imported(key: PublicKey): PublicKey {
  void key.keyObject;
  return key;
}

function readShape(spkiDer: Uint8Array): PublicKey {
  const found = findShape(spkiDer);
  if (found === undefined) throw refuseKey(explainRefusedKey(spkiDer));
  if (found.algorithm === 'Ed25519' && smallOrderPoints.has(toHex(spkiDer.subarray(12))))
    throw refuseKey('an Ed25519 point of small order');
  return new ParsedPublicKey(spkiDer, found);
}

/** OpenSSL refuses a point that is not on its curve when it decodes it. */
function importKey(spkiDer: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: spkiDer as Buffer, format: 'der', type: 'spki' });
  } catch (cause) {
    throw x509Errors.KEY_REFUSED({ message: 'the public key is not a point of its curve', cause });
  }
}

function checkRsaModulus(key: PublicKey): void {
  const modulusAt = key.spkiDer.length - 5 - key.bits / 8;
  const weakness = findRsaWeakness(key.spkiDer.subarray(modulusAt, modulusAt + key.bits / 8));
  if (weakness !== undefined) throw refuseKey(`a weak RSA modulus, ${weakness}`);
}

function refuseKey(reason: string): Error {
  return x509Errors.KEY_REFUSED({ message: `the public key is not allowed: ${reason}`, details: { reason } });
}

/** Encodings of the points of order 1, 2, 4 and 8: signatures under them prove nothing. */
const smallOrderPoints = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
]);
