import { equalBytes, fromHex } from '../base/bytes.ts';
import { type Crl, parseCrl } from './crl.ts';
import { context, contextConstructed, tags } from './der-reader.ts';
import { derBitString, derOctetString, derOid, derSequence, derUnsigned, derValue } from './der-writer.ts';
import { x509Errors } from './errors.ts';
import type { Issuer } from './issue-leaf.ts';
import { oids } from './oids.ts';
import { signatureAlgorithmOf } from './signature-algorithm.ts';
import { derTime } from './time.ts';

export interface CrlEntry {
  /** Lower-case hex. */
  readonly serial: string;
  readonly revokedAt: number;
}

export interface CrlRequest {
  readonly issuer: Issuer;
  /** Rises with every list of this issuer (RFC 5280 §5.2.3). */
  readonly number: bigint;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly entries: readonly CrlEntry[];
}

const version2 = Uint8Array.of(tags.integer, 1, 1);

/**
 * A complete v2 CRL with number and authority key id (RFC 5280 §5). It is read back and verified before anyone sees it;
 * throws SIGNER_FAILED when that does not hold.
 */
export async function buildCrl(request: CrlRequest): Promise<Crl> {
  const { certificate, signer } = request.issuer;
  const using = signatureAlgorithmOf(signer.publicKey.algorithm);
  if (!equalBytes(signer.publicKey.spkiDer, certificate.publicKey.spkiDer))
    throw x509Errors.SIGNER_FAILED({ message: 'the signing key is not the key of the issuing certificate' });
  const tbs = derSequence(
    version2,
    using.der,
    certificate.subjectDer,
    derTime(request.thisUpdate),
    derTime(request.nextUpdate),
    ...revokedPart(request.entries),
    derValue(contextConstructed(0), derSequence(...extensions(request))),
  );
  const signature = await signer.sign(tbs);
  const crl = parseCrl(derSequence(tbs, using.der, derBitString(signature)));
  if (!crl.isIssuedBy(certificate))
    throw x509Errors.SIGNER_FAILED({ message: 'a new revocation list does not verify' });
  return crl;
}

/** An empty list is left out, not written as an empty sequence (§5.1.2.6). */
function revokedPart(entries: readonly CrlEntry[]): readonly Uint8Array[] {
  if (entries.length === 0) return [];
  const bySerial = [...entries].sort((a, b) => (a.serial < b.serial ? -1 : 1));
  return [
    derSequence(
      ...bySerial.map(({ serial, revokedAt }) =>
        derSequence(derUnsigned(fromHex(serial)), derTime(revokedAt)),
      ),
    ),
  ];
}

function extensions({ issuer, number }: CrlRequest): readonly Uint8Array[] {
  const { certificate } = issuer;
  const keyId = certificate.subjectKeyId ?? certificate.publicKey.keyId;
  const hex = number.toString(16);
  return [
    derSequence(derOid(oids.authorityKeyId), derOctetString(derSequence(derValue(context(0), keyId)))),
    derSequence(
      derOid(oids.crlNumber),
      derOctetString(derUnsigned(fromHex(hex.length % 2 === 0 ? hex : `0${hex}`))),
    ),
  ];
}
