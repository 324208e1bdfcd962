/** Hand-made CSRs: honest ones in the shapes that Istio's clients send, and dishonest ones part by part. */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { context, contextConstructed, tags } from '../../src/x509/der-reader.ts';
import {
  derBitString,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derTrue,
  derUtf8String,
  derValue,
} from '../../src/x509/der-writer.ts';
import { publicKeyOf } from '../../src/x509/index.ts';
import { oids } from '../../src/x509/oids.ts';
import { signatureAlgorithmOf } from '../../src/x509/signature-algorithm.ts';

export interface CsrParts {
  /** Content of the INTEGER; `00` when not said. */
  readonly version?: Uint8Array;
  /** A whole Name; empty when not said. */
  readonly subjectDer?: Uint8Array;
  readonly spkiDer?: Uint8Array;
  /** A critical SAN with this URI. */
  readonly uri?: string;
  /** Extensions beside or instead of the SAN. */
  readonly extensions?: readonly Uint8Array[];
  /** Whole attributes beside the extension request. */
  readonly attributes?: readonly Uint8Array[];
  /** A whole AlgorithmIdentifier. */
  readonly algorithmDer?: Uint8Array;
  /** Hash for `sign`; the algorithm's own when not said. */
  readonly hash?: string | null;
  /** Signs instead of the key whose public half is carried. */
  readonly signingKey?: KeyObject;
  /** Replaces the signature. */
  readonly signature?: (info: Uint8Array) => Uint8Array;
}

/** pilot-agent: one empty Organization. */
export const emptyOrganization = derSequence(
  derSet(derSequence(derOid(oids.organization), derValue(tags.printableString))),
);

export const emptyName = derSequence();

export const nameWith = (oid: string, value: Uint8Array): Uint8Array =>
  derSequence(derSet(derSequence(derOid(oid), value)));

export const commonName = (text: string): Uint8Array => nameWith(oids.commonName, derUtf8String(text));

export function extension(oid: string, value: Uint8Array, critical = false): Uint8Array {
  return derSequence(derOid(oid), ...(critical ? [derTrue] : []), derOctetString(value));
}

export const ia5Name = (n: number, text: string): Uint8Array =>
  derValue(context(n), Buffer.from(text, 'latin1'));

export const san = (...names: readonly Uint8Array[]): Uint8Array =>
  extension(oids.subjectAltName, derSequence(...names), true);

export const uriSan = (...uris: readonly string[]): Uint8Array => san(...uris.map((uri) => ia5Name(6, uri)));

export const attribute = (oid: string, ...values: readonly Uint8Array[]): Uint8Array =>
  derSequence(derOid(oid), derSet(...values));

export const extensionRequest = (...extensions: readonly Uint8Array[]): Uint8Array =>
  attribute(oids.extensionRequest, derSequence(...extensions));

/** The signed part of a CSR. */
export function buildCsrInfo(spkiDer: Uint8Array, parts: CsrParts): Uint8Array {
  const extensions = [...(parts.uri === undefined ? [] : [uriSan(parts.uri)]), ...(parts.extensions ?? [])];
  const attributes = [
    ...(extensions.length === 0 ? [] : [extensionRequest(...extensions)]),
    ...(parts.attributes ?? []),
  ];
  return derSequence(
    derValue(tags.integer, parts.version ?? Uint8Array.of(0)),
    parts.subjectDer ?? emptyName,
    spkiDer,
    derValue(contextConstructed(0), ...attributes),
  );
}

/** A CSR in DER, signed by `key` unless `parts` says otherwise. */
export function buildCsr(key: KeyObject, parts: CsrParts = {}): Uint8Array {
  const spkiDer = parts.spkiDer ?? createPublicKey(key).export({ format: 'der', type: 'spki' });
  const info = buildCsrInfo(spkiDer, parts);
  const using =
    parts.algorithmDer === undefined || parts.hash === undefined
      ? signatureAlgorithmOf(publicKeyOf(parts.signingKey ?? key).algorithm)
      : undefined;
  const hash = parts.hash === undefined ? (using?.hash ?? null) : parts.hash;
  const signature = parts.signature?.(info) ?? sign(hash, info, parts.signingKey ?? key);
  const algorithmDer = parts.algorithmDer ?? (using?.der as Uint8Array);
  return derSequence(info, algorithmDer, derBitString(signature));
}
