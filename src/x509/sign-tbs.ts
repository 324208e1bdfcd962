import { equalBytes } from '../base/bytes.ts';
import type { Certificate } from './certificate.ts';
import { DerCursor, tags } from './der-reader.ts';
import { x509Errors } from './errors.ts';
import type { LintedTbs } from './lint.ts';
import type { PublicKey } from './public-key.ts';
import { signatureAlgorithmOf, verifySignature } from './signature-algorithm.ts';
import { isLocalSigner, type Signer } from './signer.ts';

/** The longest signature value of a key, in octets. */
export function maxSignatureBytes(key: PublicKey): number {
  switch (key.algorithm) {
    case 'RSA':
      return key.bits / 8;
    case 'Ed25519':
      return 64;
    default:
      return 2 * (key.bits / 8) + 9;
  }
}

/** Local signers that have made one signature which verified. */
const proved = new WeakSet<Signer>();

/**
 * Signs linted bytes with the issuer's key. A signer in memory is verified on its first signature, any other on
 * every one: a wrong key or a broken device must not make certificates that nobody can verify.
 */
export async function signTbs(
  issuer: { readonly certificate: Pick<Certificate, 'publicKey'>; readonly signer: Signer },
  tbs: LintedTbs,
): Promise<Uint8Array> {
  const { signer } = issuer;
  const { publicKey } = issuer.certificate;
  if (!equalBytes(signer.publicKey.spkiDer, publicKey.spkiDer))
    throw x509Errors.SIGNER_FAILED({ message: 'the signing key is not the key of the issuing certificate' });
  const signature = await signer.sign(tbs);
  if (!hasSignatureShape(signature, publicKey)) throw x509Errors.SIGNER_FAILED();
  if (!proved.has(signer)) {
    const using = signatureAlgorithmOf(publicKey.algorithm);
    if (!verifySignature(using, publicKey, { data: tbs, signature })) throw x509Errors.SIGNER_FAILED();
    if (isLocalSigner(signer)) proved.add(signer);
  }
  return signature;
}

function hasSignatureShape(signature: Uint8Array, key: PublicKey): boolean {
  if (key.algorithm === 'RSA' || key.algorithm === 'Ed25519')
    return signature.length === maxSignatureBytes(key);
  try {
    const whole = new DerCursor(signature);
    const pair = whole.enter(tags.sequence, 'the signature');
    whole.finish('the signature');
    const sizes = [pair.expect(tags.integer, 'r'), pair.expect(tags.integer, 's')];
    pair.finish('the signature');
    return sizes.every(
      ({ valueStart, end }) => (signature[valueStart] ?? 0x80) < 0x80 && end - valueStart <= key.bits / 8 + 1,
    );
  } catch {
    return false;
  }
}
