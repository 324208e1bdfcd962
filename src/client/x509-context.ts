import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { isCastellanError } from '../base/errors.ts';
import { parseTrustDomain, SpiffeId, type TrustDomain } from '../spiffe/index.ts';
import type { X509SVID, X509SVIDResponse } from '../wire/gen/spiffe/workload/workloadapi_pb.js';
import { type Certificate, type Crl, parseCertificatesDer, parseCrl } from '../x509/index.ts';
import { clientErrors } from './errors.ts';

/** An identity that this process may show, and the key for it. */
export interface X509Svid {
  readonly spiffeId: SpiffeId;
  /** Leaf first, without roots. */
  readonly chain: readonly [Certificate, ...Certificate[]];
  readonly privateKey: KeyObject;
  /** Operator's word for what the identity is for; unique among those of one answer. */
  readonly hint: string | undefined;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** Everything one answer said, checked; the next answer replaces the whole (W-04, W-07). */
export interface X509Context {
  /** The first is the default identity (W-22). */
  readonly svids: readonly [X509Svid, ...X509Svid[]];
  /** Roots by trust domain, never merged: a peer is judged by those of its own domain only (W-10). */
  readonly bundles: ReadonlyMap<TrustDomain, readonly Certificate[]>;
  readonly crls: readonly Crl[];
}

/** Reads an answer; throws WORKLOAD_ANSWER_MALFORMED when a mandatory part is missing or does not fit (W-09, W-11). */
export function readX509Context(answer: X509SVIDResponse): X509Context {
  try {
    const bundles = new Map<TrustDomain, readonly Certificate[]>();
    for (const [name, der] of Object.entries(answer.federatedBundles))
      bundles.set(trustDomainOf(name), parseCertificatesDer(der));
    const hints = new Set<string>();
    const svids: X509Svid[] = [];
    for (const item of answer.svids) {
      const svid = readSvid(item);
      bundles.set(svid.spiffeId.trustDomain, readRoots(item));
      // W-12: of two with one hint the first counts.
      if (svid.hint !== undefined && hints.has(svid.hint)) continue;
      if (svid.hint !== undefined) hints.add(svid.hint);
      svids.push(svid);
    }
    const [first, ...others] = svids;
    if (first === undefined) throw malformed('it holds no identity');
    return { svids: [first, ...others], bundles, crls: answer.crl.map((der) => parseCrl(der)) };
  } catch (error) {
    if (isCastellanError(error, 'WORKLOAD_ANSWER_MALFORMED')) throw error;
    throw malformed(error instanceof Error ? error.message : 'unreadable', error);
  }
}

function readSvid({ spiffeId: uri, x509Svid, x509SvidKey, hint }: X509SVID): X509Svid {
  const spiffeId = SpiffeId.parse(uri);
  const [leaf, ...others] = parseCertificatesDer(x509Svid);
  if (leaf === undefined) throw malformed(`\`${uri}\` comes without a certificate`);
  const uris = leaf.san?.uris ?? [];
  if (uris.length !== 1 || uris[0] !== uri)
    throw malformed(`the certificate of \`${uri}\` is of another identity`);
  const privateKey = createPrivateKey({ key: Buffer.from(x509SvidKey), format: 'der', type: 'pkcs8' });
  if (!leaf.publicKey.keyObject.equals(createPublicKey(privateKey)))
    throw malformed(`the key of \`${uri}\` does not fit its certificate`);
  return {
    spiffeId,
    chain: [leaf, ...others],
    privateKey,
    hint: hint === '' ? undefined : hint,
    notAfter: leaf.notAfter,
  };
}

function readRoots({ spiffeId, bundle }: X509SVID): readonly Certificate[] {
  const roots = parseCertificatesDer(bundle);
  if (roots.length === 0) throw malformed(`\`${spiffeId}\` comes without a bundle`);
  return roots;
}

/** W-23: keys are `spiffe://td`; some agents write a slash behind it. */
function trustDomainOf(name: string): TrustDomain {
  return parseTrustDomain(name.replace(/^spiffe:\/\//, '').replace(/\/$/, ''));
}

function malformed(problem: string, cause?: unknown): Error {
  return clientErrors.WORKLOAD_ANSWER_MALFORMED({
    message: `the Workload API sent what cannot be used: ${problem}`,
    ...(cause === undefined ? {} : { cause }),
  });
}
