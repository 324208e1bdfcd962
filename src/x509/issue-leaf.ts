import { hash } from 'node:crypto';
import { equalBytes } from '../base/bytes.ts';
import { type Certificate, serialHex } from './certificate.ts';
import { DerCursor, tags } from './der-reader.ts';
import { derBitString, derSequence } from './der-writer.ts';
import { x509Errors } from './errors.ts';
import type { LeafProfile, LeafRequest } from './leaf-profile.ts';
import { buildLeafTbs } from './leaf-tbs.ts';
import { type LintedTbs, requireLinted } from './lint.ts';
import { leafRules } from './lint-leaf.ts';
import { keyIdOf } from './public-key.ts';
import { maxSignatureBytes, signTbs } from './sign-tbs.ts';
import { signatureAlgorithmOf } from './signature-algorithm.ts';
import type { Signer } from './signer.ts';

/** A certificate that may sign, and the holder of its key. */
export interface Issuer {
  readonly certificate: Certificate;
  readonly signer: Signer;
}

/** A finished leaf. Times are what the certificate says: whole seconds, in milliseconds. */
export class IssuedLeaf {
  readonly der: Uint8Array;
  /** Lower-case hex, as `Certificate.serial`. */
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;

  constructor(der: Uint8Array, request: LeafRequest) {
    this.der = der;
    this.serial = serialHex(request.serial);
    this.notBefore = wholeSeconds(request.notBefore);
    this.notAfter = wholeSeconds(request.notAfter);
    Object.freeze(this);
  }

  /** Lower-case hex. */
  get sha256(): string {
    return hash('sha256', this.der, 'hex');
  }
}

/**
 * Builds, lints, signs and re-reads one leaf. Throws KEY_IS_ISSUER_KEY (invalid) for the authority's own key,
 * LINT_FAILED or SIGNER_FAILED (internal) for faults of ours: the caller has checked the request before.
 * `now` is wall time in milliseconds.
 */
export async function issueLeaf(
  issuer: Issuer,
  profile: LeafProfile,
  request: LeafRequest,
  now: number,
): Promise<IssuedLeaf> {
  const { certificate, signer } = issuer;
  if (equalBytes(request.spkiDer, certificate.publicKey.spkiDer)) throw x509Errors.KEY_IS_ISSUER_KEY();
  const keyId = keyIdOf(request.spkiDer);
  const linted = requireLinted(buildLeafTbs(certificate, profile, request, keyId), leafRules, {
    keyId,
    now,
    issuer: certificate,
    profile,
    spiffeId: request.spiffeId,
    spkiDer: request.spkiDer,
    commonName: request.commonName,
    signatureBytes: maxSignatureBytes(certificate.publicKey),
  });
  const signature = await signTbs({ certificate, signer }, linted);
  const der = assemble(certificate, linted, signature);
  requireSame(der, linted, signature);
  return new IssuedLeaf(der, request);
}

const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;

function assemble(issuer: Certificate, tbs: LintedTbs, signature: Uint8Array): Uint8Array {
  return derSequence(tbs, signatureAlgorithmOf(issuer.publicKey.algorithm).der, derBitString(signature));
}

/**
 * Reads the finished bytes again: what goes out is one certificate and holds exactly the bytes that were linted
 * (which passed the gate), their algorithm, and the signature.
 */
function requireSame(der: Uint8Array, tbs: LintedTbs, signature: Uint8Array): void {
  const outer = new DerCursor(der).enter(tags.sequence, 'the certificate');
  const signed = outer.raw(outer.expect(tags.sequence, 'the signed part'));
  const algorithm = outer.raw(outer.expect(tags.sequence, 'the signature algorithm'));
  const bits = outer.wholeBits(outer.expect(tags.bitString, 'the signature'), 'the signature');
  outer.finish('the certificate');
  const isSame = equalBytes(signed, tbs) && equalBytes(bits, signature) && holds(tbs, algorithm);
  if (!isSame) throw x509Errors.SIGNER_FAILED({ message: 'the finished certificate is not the linted one' });
}

/** The algorithm outside is the one inside: its bytes stand after version and serial number. */
function holds(tbs: Uint8Array, algorithm: Uint8Array): boolean {
  const members = new DerCursor(tbs).enter(tags.sequence, 'the signed part');
  members.next('the version');
  members.next('the serial number');
  return equalBytes(members.raw(members.next('the signature algorithm')), algorithm);
}
