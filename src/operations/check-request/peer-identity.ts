import { BoundedCache } from '../../base/bounded-cache.ts';
import { Interned } from '../../base/interned.ts';
import type { PeerProblem } from '../../policy/index.ts';
import { SpiffeId, type TrustDomain } from '../../spiffe/index.ts';
import {
  type Certificate,
  type Crl,
  type PathReason,
  parseCertificatesPem,
  validatePath,
} from '../../x509/index.ts';
import type { RevocationStore } from '../ports/index.ts';
import type { SourceClaim } from './question.ts';

/** What a peer's certificate is judged by, as it is now. */
export interface PeerTrust {
  rootsFor(trustDomain: TrustDomain): readonly Certificate[] | undefined;
  /** CA certificates that a proxy leaves out when it sends the leaf alone (D21). */
  knownIssuers(): readonly Certificate[];
  crls(): readonly Crl[];
  /** Another value whenever any of these changes. */
  revision(): string | number;
}

export interface PeerVerdict {
  readonly tls: 'mutual' | 'one-way' | 'none';
  readonly peer?: SpiffeId | undefined;
  readonly serial?: string | undefined;
  readonly peerProblem?: PeerProblem | undefined;
  readonly note?: string | undefined;
}

interface Judged extends PeerVerdict {
  readonly notAfter: number;
}

const mostCertificates = 10_000;
const mostPrincipals = 10_000;
const longestEncoded = 64 * 1024;
const keptMs = 60 * 60_000;
/** A refusal costs as much to find as an acceptance; what is not valid yet may be in a moment. */
const refusalKeptMs = 2_000;

/**
 * D21: a peer identity that a proxy tells is believed when the client's certificate came along, chains to the current
 * bundle through an issuer we know, and its one URI is the principal. The deny list is asked every time.
 */
export class PeerIdentities {
  readonly #trust: PeerTrust;
  readonly #revocations: Pick<RevocationStore, 'isRevoked'>;
  readonly #judged = new BoundedCache<Judged>(mostCertificates);
  /** Null: no SPIFFE ID. */
  readonly #ids = new Interned(mostPrincipals, (text) => SpiffeId.tryParse(text) ?? null);
  #revision: string | number | undefined;

  constructor(trust: PeerTrust, revocations: Pick<RevocationStore, 'isRevoked'>) {
    this.#trust = trust;
    this.#revocations = revocations;
  }

  judge(
    claim: SourceClaim,
    asked: { readonly isTls: boolean; readonly trustsPrincipal: boolean; readonly now: number },
  ): PeerVerdict {
    const { principal, certificate = '' } = claim;
    if (certificate !== '') return this.#standing(this.#byCertificate(certificate, principal, asked.now));
    if (principal === undefined || principal === '') return asked.isTls ? anonymousTls : plaintext;
    const id = this.#ids.of(principal);
    if (id === null)
      return principal.startsWith('spiffe://')
        ? malformed('the principal is not a well-formed SPIFFE ID')
        : notBelieved('the principal is no SPIFFE ID');
    if (asked.trustsPrincipal) return this.#standing({ tls: 'mutual', peer: id });
    return notBelieved(
      'the principal came without its certificate, and this proxy is not trusted to name it',
    );
  }

  #standing(verdict: PeerVerdict): PeerVerdict {
    const { peer, serial } = verdict;
    if (peer === undefined || !this.#revocations.isRevoked(serial, peer.uri)) return verdict;
    return { tls: 'mutual', peerProblem: 'revoked', note: 'the peer is on the deny list' };
  }

  /** A dialect that has no word for the principal tells none; one that has must tell the same. */
  #byCertificate(encoded: string, principal: string | undefined, now: number): PeerVerdict {
    if (encoded.length > longestEncoded) return malformed('the peer certificate is too long');
    const revision = this.#trust.revision();
    if (revision !== this.#revision) {
      this.#judged.clear();
      this.#revision = revision;
    }
    let judged = this.#judged.get(encoded, now);
    if (judged === undefined) {
      judged = this.#validate(encoded, now);
      this.#judged.set(encoded, judged, { from: now, until: Math.min(judged.notAfter, now + keptMs) });
    }
    const { peer } = judged;
    if (peer !== undefined && principal !== undefined && peer.uri !== principal)
      return malformed('the certificate of the peer and its principal name different identities');
    return judged;
  }

  #validate(encoded: string, now: number): Judged {
    let leaf: Certificate;
    try {
      leaf = readLeaf(encoded);
    } catch (error) {
      const note = `the peer certificate cannot be read: ${(error as Error).message}`;
      return { ...malformed(note), notAfter: now + refusalKeptMs };
    }
    const issuers = this.#trust.knownIssuers();
    const verdict = validatePath([leaf.der, ...issuers.map(({ der }) => der)], {
      now,
      purpose: 'client',
      rootsFor: (trustDomain) => this.#trust.rootsFor(trustDomain),
      crls: this.#trust.crls(),
      maxChain: 1 + issuers.length,
    });
    if (verdict.ok)
      return { tls: 'mutual', peer: verdict.spiffeId, serial: leaf.serial, notAfter: leaf.notAfter };
    const peerProblem = problemOf(verdict.reason);
    return { tls: 'mutual', peerProblem, note: verdict.detail, notAfter: now + refusalKeptMs };
  }
}

const plaintext: PeerVerdict = Object.freeze({ tls: 'none' });
const anonymousTls: PeerVerdict = Object.freeze({ tls: 'one-way' });

function malformed(note: string): PeerVerdict {
  return { tls: 'mutual', peerProblem: 'malformed', note };
}

/** TLS was there; who was at its other end is not proven. */
function notBelieved(note: string): PeerVerdict {
  return { tls: 'one-way', note };
}

function readLeaf(encoded: string): Certificate {
  const text = encoded.includes('%') ? decodeURIComponent(encoded) : encoded;
  const [leaf, ...more] = parseCertificatesPem(text);
  if (leaf === undefined || more.length > 0) throw new Error('it is not exactly one certificate');
  const end = '-----END CERTIFICATE-----';
  if (!text.startsWith('-----BEGIN ') || !text.trimEnd().endsWith(end))
    throw new Error('something stands beside the certificate');
  return leaf;
}

function problemOf(reason: PathReason): PeerProblem {
  if (reason === 'expired' || reason === 'not_yet_valid') return 'expired';
  if (reason === 'revoked' || reason === 'revocation_unknown') return 'revoked';
  if (reason === 'unknown_issuer' || reason === 'unknown_trust_domain' || reason === 'bad_signature')
    return 'untrusted-root';
  return 'malformed';
}
