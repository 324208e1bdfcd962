/**
 * Our path validator: RFC 5280 §6 as far as SPIFFE needs it, and X509-SVID §5. Pure, total and bounded: hostile
 * bytes give a reason, never an exception, and never more than a fixed number of signature checks.
 */
import { isCastellanError } from '../base/errors.ts';
import type { SpiffeId, TrustDomain } from '../spiffe/index.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import type { Crl } from './crl.ts';
import { checkLeaf, readSpiffeId } from './path-leaf.ts';
import { type PathReason, type Refusal, refusal } from './path-reasons.ts';
import { searchPath } from './path-search.ts';

export type Purpose = 'client' | 'server';

export interface PathOptions {
  /** Wall time in milliseconds. */
  readonly now: number;
  /** What the peer is to us: a `client` must be allowed clientAuth. */
  readonly purpose: Purpose;
  /** The roots of one trust domain, or undefined for a domain that is not trusted. */
  readonly rootsFor: (trustDomain: TrustDomain) => readonly Certificate[] | undefined;
  readonly crls?: readonly Crl[];
  /** Refuse when no current CRL speaks for a certificate of the path; off by default. */
  readonly requireCrl?: boolean;
  /** Certificates presented at most, leaf included; 8 when not said. */
  readonly maxChain?: number;
  /** Refuse leaves without extended key usage; off by default (M07). */
  readonly requireExtKeyUsage?: boolean;
}

export interface ValidPath {
  readonly ok: true;
  readonly leaf: Certificate;
  readonly spiffeId: SpiffeId;
  /** Leaf first, the root it ends in last. */
  readonly path: readonly Certificate[];
}

export type InvalidPath = Refusal;
export type { PathReason };

const defaultMaxChain = 8;

/**
 * Decides about the chain a peer presented: leaf first, DER. Order of the rest does not matter. Identity is that of
 * `chain[0]`, the certificate whose key the TLS handshake proved (M11), and the bundle is chosen by that identity's
 * own trust domain (M03).
 */
export function validatePath(chain: readonly Uint8Array[], options: PathOptions): ValidPath | InvalidPath {
  const read = readChain(chain, options.maxChain ?? defaultMaxChain);
  if ('reason' in read) return read;
  const [leaf, ...others] = read;
  const spiffeId = readSpiffeId(leaf);
  if ('reason' in spiffeId) return spiffeId;
  const problem = checkLeaf(leaf, options);
  if (problem !== undefined) return problem;
  const roots = options.rootsFor(spiffeId.trustDomain);
  if (roots === undefined)
    return refusal('unknown_trust_domain', `no bundle is held for trust domain \`${spiffeId.trustDomain}\``);
  const found = searchPath({ leaf, others, roots }, options);
  return found.ok ? { ok: true, leaf, spiffeId, path: found.path } : found;
}

export interface MachinePathOptions extends Omit<PathOptions, 'rootsFor' | 'maxChain'> {
  readonly roots: readonly Certificate[];
}

/**
 * The same rules for a certificate that names no SPIFFE ID, such as one that a machine got from its maker or owner:
 * `chain[0]` is the certificate whose key the caller has proved by other means.
 */
export function validateMachinePath(
  chain: readonly Uint8Array[],
  options: MachinePathOptions,
): Omit<ValidPath, 'spiffeId'> | InvalidPath {
  const read = readChain(chain, defaultMaxChain);
  if ('reason' in read) return read;
  const [leaf, ...others] = read;
  const problem = checkLeaf(leaf, options);
  if (problem !== undefined) return problem;
  const found = searchPath({ leaf, others, roots: options.roots }, options);
  return found.ok ? { ok: true, leaf, path: found.path } : found;
}

type Presented = readonly [Certificate, ...Certificate[]];

function readChain(chain: readonly Uint8Array[], maxChain: number): Presented | Refusal {
  if (chain.length === 0) return refusal('empty', 'no certificate was presented');
  if (chain.length > maxChain)
    return refusal('chain_too_long', `${chain.length} certificates were presented, ${maxChain} are read`);
  const certificates: Certificate[] = [];
  for (const [i, der] of chain.entries()) {
    const read = readOne(der, i);
    if ('reason' in read) return read;
    certificates.push(read);
  }
  return certificates as unknown as Presented;
}

function readOne(der: Uint8Array, position: number): Certificate | Refusal {
  try {
    return parseCertificate(der);
  } catch (error) {
    const reason = isCastellanError(error, 'KEY_REFUSED') ? 'key_refused' : 'malformed';
    return refusal(
      reason,
      `certificate ${position}: ${error instanceof Error ? error.message : 'unreadable'}`,
    );
  }
}
