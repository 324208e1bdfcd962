import { hash } from 'node:crypto';
import { isCastellanError } from '../base/errors.ts';
import { checkDer } from './der-gate.ts';
import { contextConstructed, DerCursor, oidText, plainBytes, tags } from './der-reader.ts';
import { x509Errors } from './errors.ts';
import {
  type Extension,
  findDuplicate,
  readBasicConstraints,
  readExtensions,
  readKeyUsage,
  readSubjectAltName,
} from './extensions.ts';
import { csrLimits, maxCsrAttributes, maxCsrBytes, maxCsrPemChars, maxSubjectBytes } from './limits.ts';
import { hasCommonName, type NameAttribute, readName } from './name.ts';
import { oids } from './oids.ts';
import { readSinglePem } from './pem.ts';
import { type KeyPolicy, type PublicKey, parseUnprovedKey } from './public-key.ts';
import { requireSignatureAlgorithm, verifyProof } from './signature-algorithm.ts';

/** What a CSR asked for. Reported for the audit note, never used: identity comes from entitlement (D1). */
export interface RequestedNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
  readonly emails: readonly string[];
  /** How many names of other kinds. */
  readonly otherNames: number;
  readonly extensionOids: readonly string[];
  /** It asked to be an authority: CA:TRUE or keyCertSign. */
  readonly wantsCa: boolean;
}

/** A certificate signing request that passed gate, key policy and proof of possession. */
export class Csr {
  readonly der: Uint8Array;
  readonly publicKey: PublicKey;
  /** Whether the subject has a CN that is not empty: all that is taken from it (csr-api.md §1.6). */
  readonly hasCommonName: boolean;
  readonly requested: RequestedNames;

  constructor(
    der: Uint8Array,
    publicKey: PublicKey,
    subject: readonly NameAttribute[],
    requested: RequestedNames,
  ) {
    this.der = der;
    this.publicKey = publicKey;
    this.hasCommonName = hasCommonName(subject);
    this.requested = requested;
    Object.freeze(this);
  }

  /** Lower-case hex. */
  get sha256(): string {
    return hash('sha256', this.der, 'hex');
  }
}

const pemLabels = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'];

/** Reads one PEM block (D3). Throws an error of kind invalid, whatever the bytes. */
export function parseCsrPem(pem: string, policy: KeyPolicy): Csr {
  if (pem.length > maxCsrPemChars) throw x509Errors.CSR_TOO_LARGE();
  return parseCsrDer(readSinglePem(pem, pemLabels), policy);
}

export function parseCsrDer(bytes: Uint8Array, policy: KeyPolicy): Csr {
  if (bytes.length > maxCsrBytes) throw x509Errors.CSR_TOO_LARGE();
  const der = plainBytes(bytes);
  checkDer(der, csrLimits);
  try {
    return readCsr(der, policy);
  } catch (error) {
    if (!isCastellanError(error, 'DER_MALFORMED')) throw error;
    throw malformed(error.message.replace('not canonical DER: ', ''), error);
  }
}

function malformed(problem: string, cause?: unknown): Error {
  return x509Errors.CSR_MALFORMED({
    message: `not a certificate signing request: ${problem}`,
    details: { problem },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** RFC 2986 §4.2; the proof of possession is checked before anything that only matters for the audit note. */
function readCsr(der: Uint8Array, policy: KeyPolicy): Csr {
  const outer = new DerCursor(der).enter(tags.sequence, 'the request');
  const signed = outer.expect(tags.sequence, 'the request information');
  const algorithm = outer.expect(tags.sequence, 'the signature algorithm');
  const signature = outer.wholeBits(outer.expect(tags.bitString, 'the signature'), 'the signature');
  outer.finish('the request');

  const info = outer.inside(signed);
  const version = info.expect(tags.integer, 'the version');
  if (version.end - version.valueStart !== 1 || der[version.valueStart] !== 0)
    throw malformed('the version is not 0');
  const subject = info.expect(tags.sequence, 'the subject');
  if (subject.end - subject.start >= maxSubjectBytes)
    throw malformed(`the subject has ${maxSubjectBytes} bytes or more`);
  const spki = info.expect(tags.sequence, 'the public key');
  const attributes = info.optional(contextConstructed(0));
  info.finish('the request information');

  const publicKey = parseUnprovedKey(info.raw(spki), policy);
  const using = requireSignatureAlgorithm(outer.raw(algorithm), publicKey);
  if (!verifyProof(using, publicKey, { data: outer.raw(signed), signature })) throw proofFailed(publicKey);
  const extensions = attributes === undefined ? [] : readAttributes(info.inside(attributes));
  return new Csr(der, publicKey, readName(info.raw(subject)), readRequested(extensions));
}

/** Importing the key tells a point that is not on its curve (KEY_REFUSED) from a wrong signature. */
function proofFailed(key: PublicKey): Error {
  void key.keyObject;
  return x509Errors.CSR_SIGNATURE_INVALID();
}

/** The extensions of the extensionRequest attribute; other attributes are ignored, up to a number (C22, C25). */
function readAttributes(list: DerCursor): Extension[] {
  let extensions: Extension[] | undefined;
  for (let count = 1; !list.atEnd; count++) {
    if (count > maxCsrAttributes) throw malformed(`more than ${maxCsrAttributes} attributes`);
    const attribute = list.enter(tags.sequence, 'an attribute');
    const type = attribute.expect(tags.oid, 'an attribute type');
    const values = attribute.enter(tags.set, 'attribute values');
    attribute.finish('an attribute');
    const oid = oidText(list.bytes, type.valueStart, type.end);
    if (oid === oids.microsoftExtensions) throw malformed('extensions in a legacy attribute');
    if (oid !== oids.extensionRequest) continue;
    if (extensions !== undefined) throw malformed('two extension requests');
    extensions = readExtensions(values.enter(tags.sequence, 'the extension request'));
    if (!values.atEnd) throw malformed('an extension request of two values');
  }
  const twice = extensions === undefined ? undefined : findDuplicate(extensions);
  if (twice !== undefined) throw malformed(`the extension \`${twice}\` occurs twice`);
  return extensions ?? [];
}

function readRequested(extensions: readonly Extension[]): RequestedNames {
  const value = (oid: string) => extensions.find((extension) => extension.oid === oid)?.value;
  const san = value(oids.subjectAltName);
  const names = san === undefined ? undefined : readSubjectAltName(san);
  const constraints = value(oids.basicConstraints);
  const usage = value(oids.keyUsage);
  return {
    uris: names?.uris ?? [],
    dnsNames: names?.dnsNames ?? [],
    ips: names?.ips ?? [],
    emails: names?.emails ?? [],
    otherNames: names?.others ?? 0,
    extensionOids: extensions.map((extension) => extension.oid),
    wantsCa:
      (constraints !== undefined && readBasicConstraints(constraints).isCa) ||
      (usage !== undefined && readKeyUsage(usage).has('keyCertSign')),
  };
}
