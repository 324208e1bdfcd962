import { toHex } from '../base/bytes.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import { type Certificate, isSignedBy, parseCertificate } from './certificate.ts';
import { x509Errors } from './errors.ts';
import type { Issuer } from './issue-leaf.ts';
import { requireLinted } from './lint.ts';
import { authorityRules } from './lint-authority.ts';
import type { PublicKey } from './public-key.ts';
import { signTbs } from './sign-tbs.ts';
import type { Signer } from './signer.ts';

export interface RootRequest {
  readonly trustDomain: TrustDomain;
  readonly signer: Signer;
  /** Milliseconds; fractions of a second are dropped. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** 1 to 20 octets, big-endian, positive. */
  readonly serial: Uint8Array;
}

export interface IntermediateRequest {
  readonly trustDomain: TrustDomain;
  /** The certificate above, usually the root, and the holder of its key. */
  readonly issuer: Issuer;
  readonly publicKey: PublicKey;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly serial: Uint8Array;
  /** Authorities allowed below this one; 0 when not said. */
  readonly pathLength?: number;
}

/**
 * A self-signed root: subject `O=<trust domain>` and the key's identifier as serialNumber, so that two keys never
 * share a name; cA without path length, keyCertSign + cRLSign, SKI, AKI, and `spiffe://<trust domain>` as name.
 */
export async function buildRoot(request: RootRequest): Promise<Uint8Array> {
  const { publicKey } = request.signer;
  const { buildAuthority } = await import('./peculiar-builder.ts');
  return verified(
    await buildAuthority({
      subject: { trustDomain: request.trustDomain, keyId: toHex(publicKey.keyId) },
      ...validityOf(request),
      serialHex: toHex(request.serial),
      publicKey,
      issuerKey: publicKey,
      issuerKeyId: publicKey.keyId,
      sign: (tbs) =>
        signTbs(
          { certificate: { publicKey }, signer: request.signer },
          requireLinted(tbs, authorityRules, { spkiDer: publicKey.spkiDer }),
        ),
    }),
  );
}

/** An issuing intermediate below `issuer`, with `pathLength` 0 when not said otherwise. */
export async function buildIntermediate(request: IntermediateRequest): Promise<Uint8Array> {
  const { issuer, publicKey } = request;
  const { buildAuthority } = await import('./peculiar-builder.ts');
  const context = { issuer: issuer.certificate, spkiDer: publicKey.spkiDer };
  return verified(
    await buildAuthority({
      subject: { trustDomain: request.trustDomain, keyId: toHex(publicKey.keyId) },
      ...validityOf(request),
      serialHex: toHex(request.serial),
      publicKey,
      pathLength: request.pathLength ?? 0,
      issuerNameDer: issuer.certificate.subjectDer,
      issuerKey: issuer.certificate.publicKey,
      issuerKeyId: issuer.certificate.subjectKeyId ?? issuer.certificate.publicKey.keyId,
      sign: (tbs) => signTbs(issuer, requireLinted(tbs, authorityRules, context)),
    }),
    issuer.certificate,
  );
}

function validityOf(request: { notBefore: number; notAfter: number }): { notBefore: Date; notAfter: Date } {
  const wholeSeconds = (ms: number) => new Date(Math.floor(ms / 1000) * 1000);
  return { notBefore: wholeSeconds(request.notBefore), notAfter: wholeSeconds(request.notAfter) };
}

/** The library's output is read by our own parser and its signature checked before anyone sees it. */
function verified(der: Uint8Array, issuer?: Certificate): Uint8Array {
  const certificate = parseCertificate(der);
  if (!isSignedBy(certificate, issuer ?? certificate))
    throw x509Errors.SIGNER_FAILED({ message: 'a new authority certificate does not verify' });
  return der;
}
