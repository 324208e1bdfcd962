/** Hand-made CRLs. */
import { type KeyObject, sign } from 'node:crypto';
import { contextConstructed } from '../../src/x509/der-reader.ts';
import { derBitString, derSequence, derUnsigned, derValue } from '../../src/x509/der-writer.ts';
import { publicKeyOf } from '../../src/x509/index.ts';
import { signatureAlgorithmOf } from '../../src/x509/signature-algorithm.ts';
import { derTime } from '../../src/x509/time.ts';
import { day, hour, testNow } from './pki.ts';

export interface CrlParts {
  readonly issuerDer: Uint8Array;
  /** Content of the version INTEGER; 1 (v2) when not said. */
  readonly version?: number;
  readonly thisUpdate?: number;
  /** null leaves it out. */
  readonly nextUpdate?: number | null;
  readonly serials?: readonly Uint8Array[];
  /** Entry extensions, by entry. */
  readonly entryExtensions?: Uint8Array;
  readonly extensions?: readonly Uint8Array[];
  readonly algorithmDer?: Uint8Array;
}

const none = new Uint8Array(0);

export function buildCrl(key: KeyObject, parts: CrlParts): Uint8Array {
  const using = signatureAlgorithmOf(publicKeyOf(key).algorithm);
  const { thisUpdate = testNow - hour, nextUpdate = testNow + day, serials = [] } = parts;
  const entries = serials.map((serial) =>
    derSequence(derUnsigned(serial), derTime(thisUpdate), parts.entryExtensions ?? none),
  );
  const tbs = derSequence(
    derUnsigned(Uint8Array.of(parts.version ?? 1)),
    using.der,
    parts.issuerDer,
    derTime(thisUpdate),
    nextUpdate === null ? none : derTime(nextUpdate),
    entries.length === 0 ? none : derSequence(...entries),
    parts.extensions === undefined ? none : derValue(contextConstructed(0), derSequence(...parts.extensions)),
  );
  return derSequence(tbs, parts.algorithmDer ?? using.der, derBitString(sign(using.hash, tbs, key)));
}
