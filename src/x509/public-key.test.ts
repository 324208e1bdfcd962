import { createPublicKey, ECDH, generateKeyPairSync, hash, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { newKey } from '../../test/support/pki.ts';
import { closePrimesModulus, rocaModulus } from '../../test/support/weak-rsa.ts';
import { fromHex, toHex } from '../base/bytes.ts';
import { derBitString, derNull, derOid, derSequence, derUnsigned } from './der-writer.ts';
import { oids } from './oids.ts';
import { defaultKeyPolicy, parsePublicKey } from './public-key.ts';
import { findRsaWeakness, squareRoot } from './rsa-weakness.ts';

const spkiOf = (key: KeyObject): Uint8Array => createPublicKey(key).export({ format: 'der', type: 'spki' });
const parse = (spki: Uint8Array) => parsePublicKey(spki, defaultKeyPolicy);
const refuses = (spki: Uint8Array, reason: string, code = 'KEY_REFUSED') =>
  expect(() => parse(spki)).toThrow(
    expect.objectContaining({ code, kind: 'invalid', message: expect.stringContaining(reason) as string }),
  );

const rsaSpki = (modulus: Uint8Array, exponent: Uint8Array = fromHex('010001'), parameters = derNull) =>
  derSequence(
    derSequence(derOid(oids.rsaEncryption), parameters),
    derBitString(derSequence(derUnsigned(modulus), derUnsigned(exponent))),
  );
const ecSpki = (curve: string, point: Uint8Array) =>
  derSequence(derSequence(derOid(oids.ecPublicKey), derOid(curve)), derBitString(point));

/** An odd number of exactly so many bits that no small prime divides: n = 2·P·k + 1 for the product P of them. */
const oddModulus = (bits: number): Uint8Array => {
  const n = (1n << BigInt(bits - 1)) | 1n;
  return Buffer.from(n.toString(16).padStart(Math.ceil(bits / 8) * 2, '0'), 'hex');
};

describe('public keys on the allow-list', () => {
  it.each([
    ['P-256', 256],
    ['P-384', 384],
    ['RSA', 2048],
    ['RSA', 3072],
    ['RSA', 4096],
  ] as const)('%s of %i bits is accepted and identified by RFC 7093 method 1', (algorithm, bits) => {
    const spki = spkiOf(newKey(algorithm, bits));
    const key = parse(spki);
    const keyBits = spki.subarray(spki.length - { 256: 65, 384: 97, 2048: 270, 3072: 398, 4096: 526 }[bits]);
    expect([key.algorithm, key.bits]).toEqual([algorithm, bits]);
    expect(key.spkiSha256).toBe(hash('sha256', spki));
    expect(toHex(key.keyId)).toBe(hash('sha256', keyBits).slice(0, 40));
    expect(toHex(key.keyObject.export({ format: 'der', type: 'spki' }))).toBe(toHex(spki));
  });

  it('Ed25519 is accepted where its switch is on, and refused where it is off (adv:C15)', () => {
    const spki = spkiOf(newKey('Ed25519'));
    expect(parsePublicKey(spki, { ...defaultKeyPolicy, allowEd25519: true }).algorithm).toBe('Ed25519');
    refuses(spki, 'Ed25519 keys are switched off');
  });

  it('a key on the block list is refused by its own code (adv:C16)', () => {
    const spki = spkiOf(newKey());
    const blockedSpki = new Set([hash('sha256', spki)]);
    expect(() => parsePublicKey(spki, { ...defaultKeyPolicy, blockedSpki })).toThrow(
      expect.objectContaining({ code: 'KEY_BLOCKED' }),
    );
  });
});

describe('curves (adv:C14)', () => {
  it.each(['secp224r1', 'secp256k1', 'secp521r1', 'brainpoolP256r1'])(
    '%s is refused by name of its OID',
    (namedCurve) =>
      refuses(spkiOf(generateKeyPairSync('ec', { namedCurve }).privateKey), 'is not P-256 or P-384'),
  );

  it('parameters that are written out are refused before OpenSSL sees them (CVE-2022-0778)', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' });
    refuses(spkiOf(privateKey), 'curve parameters are written out');
  });

  const point = spkiOf(newKey()).subarray(26);
  it('a compressed point is refused', () =>
    refuses(
      ecSpki(
        oids.prime256v1,
        ECDH.convertKey(point, 'prime256v1', undefined, undefined, 'compressed') as Buffer,
      ),
      'the point is compressed',
    ));

  it('a hybrid point is refused', () => {
    const hybrid = ECDH.convertKey(point, 'prime256v1', undefined, undefined, 'hybrid') as Buffer;
    refuses(ecSpki(oids.prime256v1, hybrid), 'wrong length or form');
  });

  it('infinity is refused', () => refuses(ecSpki(oids.prime256v1, Uint8Array.of(0)), 'infinity'));

  it('a point that is not on its curve is refused', () => {
    const off = Uint8Array.from(point);
    off[64] = (off[64] as number) ^ 1;
    refuses(ecSpki(oids.prime256v1, off), 'not a point of its curve');
    const off384 = Uint8Array.from(spkiOf(newKey('P-384')).subarray(23));
    off384[96] = (off384[96] as number) ^ 1;
    refuses(ecSpki(oids.secp384r1, off384), 'not a point of its curve');
  });

  it('coordinates beyond the field are refused', () =>
    refuses(
      ecSpki(oids.prime256v1, new Uint8Array(65).fill(0xff).fill(4, 0, 1)),
      'not a point of its curve',
    ));

  it('a point of one curve under the name of another is refused', () =>
    refuses(ecSpki(oids.secp384r1, point), 'wrong length or form'));
});

describe('RSA (adv:C13)', () => {
  it.each([512, 1024, 2040, 2047, 2049, 5120, 8192, 16_384])(
    'a modulus of %i bits is refused by its size',
    (bits) => refuses(rsaSpki(oddModulus(bits)), `an RSA modulus of ${bits} bits`),
  );

  it.each([
    ['1', '01'],
    ['3', '03'],
    ['65539', '010003'],
    ['2^33 + 1', '0200000001'],
  ])('the exponent %s is refused', (_e, hex) => {
    const modulus = spkiOf(newKey('RSA')).subarray(33, 289);
    refuses(rsaSpki(modulus, fromHex(hex)), 'the RSA exponent is not 65537');
  });

  it('an even modulus is refused', () => {
    const modulus = Uint8Array.from(oddModulus(2048));
    modulus[255] = 2;
    refuses(rsaSpki(modulus), 'even');
  });

  it('parameters other than NULL are refused', () =>
    refuses(rsaSpki(oddModulus(2048), fromHex('010001'), new Uint8Array(0)), 'RSA parameters are not NULL'));

  it('a modulus with a small prime factor is refused', () => {
    const n = 3n * ((1n << 2047n) / 3n + 12n);
    refuses(rsaSpki(fromHex((n % 2n === 0n ? n + 3n : n).toString(16))), 'a small prime divides it');
  });

  it('a modulus with the ROCA fingerprint is refused', () => refuses(rsaSpki(fromHex(rocaModulus)), 'ROCA'));

  it('a modulus whose primes are close is refused', () =>
    refuses(rsaSpki(fromHex(closePrimesModulus)), 'its two primes are close'));

  it('a square is found too: its primes could not be closer', () => {
    const root = BigInt(`0x${closePrimesModulus}`) >> 1024n;
    const odd = root % 2n === 0n ? root + 1n : root;
    expect(findRsaWeakness(fromHex((odd * odd).toString(16).padStart(512, '0')))).toBeDefined();
  });

  it('honest moduli have no finding', () => {
    for (let i = 0; i < 3; i++)
      expect(findRsaWeakness(spkiOf(newKey('RSA')).subarray(33, 289))).toBeUndefined();
  });

  it('integer square roots are exact around squares of every size', () => {
    for (const bits of [1, 2, 8, 26, 51, 52, 53, 64, 103, 104, 105, 106, 200, 511, 512, 1024, 2047]) {
      const root = (1n << BigInt(bits)) + BigInt(bits);
      expect([squareRoot(root * root - 1n), squareRoot(root * root), squareRoot(root * root + 1n)]).toEqual([
        root - 1n,
        root,
        root,
      ]);
    }
  });
});

describe('other keys', () => {
  it.each(['ed448', 'x25519', 'x448'] as const)('%s is refused (adv:C15)', (type) =>
    refuses(spkiOf(generateKeyPairSync(type as 'ed448').privateKey), 'is not known here'),
  );

  it('DSA, RSA-PSS and bytes that are no key are refused', () => {
    refuses(
      spkiOf(generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey),
      'not known here',
    );
    refuses(spkiOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey), 'not known here');
    refuses(Uint8Array.of(1, 2, 3), 'not a SubjectPublicKeyInfo');
    refuses(new Uint8Array(0), 'not a SubjectPublicKeyInfo');
  });

  it('Ed25519 points of small order are refused even with the switch on', () => {
    for (const point of ['00'.repeat(32), `01${'00'.repeat(31)}`, `ec${'ff'.repeat(30)}7f`]) {
      const spki = fromHex(`302a300506032b6570032100${point}`);
      expect(() => parsePublicKey(spki, { ...defaultKeyPolicy, allowEd25519: true })).toThrow(/small order/);
    }
  });
});
