import { DerCursor, oidText, tags } from './der-reader.ts';
import { oids } from './oids.ts';

const allowedSizes = '2048, 3072 or 4096';

/** Says in words why a SubjectPublicKeyInfo has none of the allowed encodings. Never throws, does no arithmetic. */
export function explainRefusedKey(spkiDer: Uint8Array): string {
  try {
    const spki = new DerCursor(spkiDer).enter(tags.sequence, 'the key');
    const algorithm = spki.enter(tags.sequence, 'the key algorithm');
    const oid = algorithm.expect(tags.oid, 'the key algorithm');
    const name = oidText(spkiDer, oid.valueStart, oid.end);
    const parameters = algorithm.atEnd ? undefined : algorithm.next('parameters');
    const bits = spki.wholeBits(spki.expect(tags.bitString, 'the key'), 'the key');
    if (name === oids.ecPublicKey) return explainCurve(spkiDer, parameters, bits);
    if (name === oids.rsaEncryption) return explainRsa(bits, parameters?.tag === tags.null);
    if (name === oids.ed25519) return 'an Ed25519 key in a wrong encoding';
    return `the key algorithm \`${name}\` is not known here`;
  } catch {
    return 'it is not a SubjectPublicKeyInfo';
  }
}

function explainCurve(
  spkiDer: Uint8Array,
  parameters: { tag: number; valueStart: number; end: number } | undefined,
  point: Uint8Array,
): string {
  if (parameters === undefined) return 'no curve is named';
  if (parameters.tag !== tags.oid) return 'curve parameters are written out instead of naming a curve';
  const curve = oidText(spkiDer, parameters.valueStart, parameters.end);
  if (curve !== oids.prime256v1 && curve !== oids.secp384r1)
    return `the curve \`${curve}\` is not P-256 or P-384`;
  if (point.length === 1 && point[0] === 0) return 'the point is infinity';
  if (point[0] === 2 || point[0] === 3) return 'the point is compressed';
  return 'the point has a wrong length or form';
}

function explainRsa(bits: Uint8Array, hasNull: boolean): string {
  if (!hasNull) return 'RSA parameters are not NULL';
  const key = new DerCursor(bits).enter(tags.sequence, 'the RSA key');
  const modulus = unsigned(key.value(key.expect(tags.integer, 'the modulus')));
  const exponent = unsigned(key.value(key.expect(tags.integer, 'the exponent')));
  const size = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (![2048, 3072, 4096].includes(size)) return `an RSA modulus of ${size} bits is not ${allowedSizes}`;
  if (exponent.length !== 3 || exponent[0] !== 1 || exponent[1] !== 0 || exponent[2] !== 1)
    return 'the RSA exponent is not 65537';
  if ((modulus[modulus.length - 1] as number) % 2 === 0) return 'the RSA modulus is even';
  return 'the RSA key is in a wrong encoding';
}

const unsigned = (integer: Uint8Array): Uint8Array => (integer[0] === 0 ? integer.subarray(1) : integer);
