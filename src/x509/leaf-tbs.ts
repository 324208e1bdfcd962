import { concatBytes, fromHex } from '../base/bytes.ts';
import type { Certificate } from './certificate.ts';
import { context, contextConstructed, tags } from './der-reader.ts';
import {
  derHeader,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derUnsigned,
  derUtf8String,
  derValue,
} from './der-writer.ts';
import { derGeneralNames } from './general-names.ts';
import type { LeafProfile, LeafRequest } from './leaf-profile.ts';
import { oids } from './oids.ts';
import { isRsaSpki, keyIdOf } from './public-key.ts';
import { signatureAlgorithmOf } from './signature-algorithm.ts';
import { derTime } from './time.ts';

const version3 = fromHex('a003020102');
/** keyUsage, critical: digitalSignature + keyEncipherment; or digitalSignature alone. */
const keyUsageBoth = fromHex('300e0603551d0f0101ff0404030205a0');
const keyUsageSign = fromHex('300e0603551d0f0101ff040403020780');
const extKeyUsage = derSequence(
  derOid(oids.extKeyUsage),
  derOctetString(derSequence(derOid(oids.serverAuth), derOid(oids.clientAuth))),
);
/** basicConstraints, critical, an empty SEQUENCE: not an authority. */
const notAnAuthority = fromHex('300c0603551d130101ff04023000');
/** subjectKeyIdentifier of 20 octets, which follow. */
const subjectKeyIdHead = fromHex('301d0603551d0e04160414');
const sanOid = fromHex('0603551d11');
const critical = fromHex('0101ff');
const emptyName = fromHex('3000');

/** The parts of a leaf that are the same for every leaf of one issuer and profile. */
interface LeafFrame {
  /** signature algorithm and issuer name: between serial number and validity. */
  readonly issuerPart: Uint8Array;
  readonly authorityKeyId: Uint8Array;
}

const frames = new WeakMap<Certificate, LeafFrame>();

function frameOf(issuer: Certificate): LeafFrame {
  const known = frames.get(issuer);
  if (known !== undefined) return known;
  const keyId = issuer.subjectKeyId ?? issuer.publicKey.keyId;
  const made: LeafFrame = {
    issuerPart: concatBytes([signatureAlgorithmOf(issuer.publicKey.algorithm).der, issuer.subjectDer]),
    authorityKeyId: derSequence(
      derOid(oids.authorityKeyId),
      derOctetString(derSequence(derValue(context(0), keyId))),
    ),
  };
  frames.set(issuer, made);
  return made;
}

/** The TBSCertificate of a leaf: KU, EKU, BC, SKI, AKI, SAN in this order (csr-api.md §1.9, D6). */
export function buildLeafTbs(issuer: Certificate, profile: LeafProfile, request: LeafRequest): Uint8Array {
  const frame = frameOf(issuer);
  const saysEncipherment = profile.keyEnciphermentForEc || isRsaSpki(request.spkiDer);
  const extensions = sized(
    contextConstructed(3),
    [
      sized(
        tags.sequence,
        [
          [saysEncipherment ? keyUsageBoth : keyUsageSign, extKeyUsage, notAnAuthority],
          [subjectKeyIdHead, keyIdOf(request.spkiDer), frame.authorityKeyId],
          derSubjectAltName(request),
        ].flat(),
      ),
    ].flat(),
  );
  return concatBytes(
    sized(tags.sequence, [
      version3,
      derUnsigned(request.serial),
      frame.issuerPart,
      ...sized(tags.sequence, [derTime(request.notBefore), derTime(request.notAfter)]),
      derSubject(request.commonName),
      request.spkiDer,
      ...extensions,
    ]),
  );
}

/** Header and parts, not yet joined: every byte of a certificate is copied once. */
function sized(tag: number, parts: readonly Uint8Array[]): Uint8Array[] {
  let length = 0;
  for (const part of parts) length += part.length;
  return [derHeader(tag, length), ...parts];
}

function derSubject(commonName: string | undefined): Uint8Array {
  if (commonName === undefined) return emptyName;
  return derSequence(derSet(derSequence(derOid(oids.commonName), derUtf8String(commonName))));
}

/** Always critical, as Istio writes it; RFC 5280 §4.1.2.6 demands it where the subject is empty. */
function derSubjectAltName(request: LeafRequest): Uint8Array[] {
  const names = derGeneralNames({ uri: request.spiffeId.uri, dnsNames: request.dnsNames, ips: request.ips });
  return sized(tags.sequence, [sanOid, critical, ...sized(tags.octetString, [names])]);
}
