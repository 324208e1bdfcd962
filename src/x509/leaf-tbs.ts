import { concatBytes, fromHex } from '../base/bytes.ts';
import type { Certificate } from './certificate.ts';
import { context, contextConstructed, tags } from './der-reader.ts';
import {
  BackwardWriter,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derUnsigned,
  derUtf8String,
  derValue,
} from './der-writer.ts';
import { putGeneralNames } from './general-names.ts';
import type { LeafProfile, LeafRequest } from './leaf-profile.ts';
import { oids } from './oids.ts';
import { isRsaSpki } from './public-key.ts';
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
const criticalSanOid = fromHex('0603551d110101ff');
const emptyName = fromHex('3000');

/** Everything from key usage to the head of the subject key identifier. */
const headWithEncipherment = concatBytes([keyUsageBoth, extKeyUsage, notAnAuthority, subjectKeyIdHead]);
const headWithoutEncipherment = concatBytes([keyUsageSign, extKeyUsage, notAnAuthority, subjectKeyIdHead]);

/** The parts of a leaf that are the same for every leaf of one issuer and profile. */
interface LeafFrame {
  /** signature algorithm and issuer name: between serial number and validity. */
  readonly issuerPart: Uint8Array;
  readonly authorityKeyId: Uint8Array;
  /** Room for everything but the key and the SPIFFE ID of a leaf with an empty subject. */
  readonly size: number;
}

const frames = new WeakMap<Certificate, LeafFrame>();

function frameOf(issuer: Certificate): LeafFrame {
  const known = frames.get(issuer);
  if (known !== undefined) return known;
  const keyId = issuer.subjectKeyId ?? issuer.publicKey.keyId;
  const issuerPart = concatBytes([signatureAlgorithmOf(issuer.publicKey.algorithm).der, issuer.subjectDer]);
  const made: LeafFrame = {
    issuerPart,
    size: issuerPart.length + 320,
    authorityKeyId: derSequence(
      derOid(oids.authorityKeyId),
      derOctetString(derSequence(derValue(context(0), keyId))),
    ),
  };
  frames.set(issuer, made);
  return made;
}

/**
 * The TBSCertificate of a leaf: KU, EKU, BC, SKI, AKI, SAN in this order (csr-api.md §1.9, D6). Written from its end,
 * so read the lines upwards. `keyId` is the key's own identifier.
 */
export function buildLeafTbs(
  issuer: Certificate,
  profile: LeafProfile,
  request: LeafRequest,
  keyId: Uint8Array,
): Uint8Array {
  const frame = frameOf(issuer);
  const saysEncipherment = profile.keyEnciphermentForEc || isRsaSpki(request.spkiDer);
  const out = new BackwardWriter(frame.size + request.spkiDer.length + request.spiffeId.uri.length);
  putSubjectAltName(out, request);
  out.put(frame.authorityKeyId);
  out.put(keyId);
  out.put(saysEncipherment ? headWithEncipherment : headWithoutEncipherment);
  out.wrap(tags.sequence, 0);
  out.wrap(contextConstructed(3), 0);
  out.put(request.spkiDer);
  out.put(derSubject(request.commonName));
  const afterValidity = out.length;
  out.put(derTime(request.notAfter));
  out.put(derTime(request.notBefore));
  out.wrap(tags.sequence, afterValidity);
  out.put(frame.issuerPart);
  out.put(derUnsigned(request.serial));
  out.put(version3);
  out.wrap(tags.sequence, 0);
  return out.finish();
}

function derSubject(commonName: string | undefined): Uint8Array {
  if (commonName === undefined) return emptyName;
  return derSequence(derSet(derSequence(derOid(oids.commonName), derUtf8String(commonName))));
}

/** Always critical, as Istio writes it; RFC 5280 §4.1.2.6 demands it where the subject is empty. */
function putSubjectAltName(out: BackwardWriter, request: LeafRequest): void {
  putGeneralNames(out, { uri: request.spiffeId.uri, dnsNames: request.dnsNames, ips: request.ips });
  out.wrap(tags.octetString, 0);
  out.put(criticalSanOid);
  out.wrap(tags.sequence, 0);
}
