import type { SpiffeId } from '../../spiffe/index.ts';

/**
 * What the identity fields of a policy look at (policy.md §3.1). Istio matches text with patterns of its own making;
 * each is answered here by taking the URI apart, never by a regular expression (CVE-2026-39350).
 */
export interface PeerFacts {
  readonly id: SpiffeId;
  /** `spiffe://…` */
  readonly uri: string;
  /** Without the scheme: how policies write it. */
  readonly principal: string;
  /** Every `<v>` of a `/ns/<v>/` in the URI: one in an Istio identity. */
  readonly namespaces: readonly string[];
  /** Every `ns/sa` that the identity counts as, extra path segments tolerated. */
  readonly accounts: readonly string[];
}

const known = new WeakMap<SpiffeId, PeerFacts>();

export function peerFacts(id: SpiffeId): PeerFacts {
  let facts = known.get(id);
  if (facts === undefined) {
    facts = readPeer(id);
    known.set(id, facts);
  }
  return facts;
}

function readPeer(id: SpiffeId): PeerFacts {
  const namespaces: string[] = [];
  const accounts: string[] = [];
  // The text after `spiffe://` as segments; the trust domain itself can stand before `/ns/`, or be `ns`.
  const segments = id.principal.split('/');
  for (let i = 0; i + 2 < segments.length; i++) {
    if (segments[i] !== 'ns') continue;
    const namespace = segments[i + 1] as string;
    namespaces.push(namespace);
    // `spiffe://.+/ns/<ns>/(.+/|)sa/<sa>(/.+)?`: something must stand before `/ns/`.
    if (i > 0)
      for (let j = i + 2; j + 1 < segments.length; j++)
        if (segments[j] === 'sa') accounts.push(`${namespace}/${segments[j + 1] as string}`);
  }
  return { id, uri: id.uri, principal: id.principal, namespaces, accounts };
}

/** `.*` + `/ns/<value>/` + `.*` over the URI, where every `*` in the value is any text, slashes included. */
export function matchesNamespace(peer: PeerFacts, pieces: readonly string[]): boolean {
  let at = 0;
  for (const piece of pieces) {
    const found = peer.uri.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return true;
}

export function readNamespacePattern(value: string): readonly string[] {
  return `/ns/${value}/`.split('*');
}

/** Exact, or with one `*` for text without a slash (policy.md §3.1); a bare `*` is any SPIFFE ID. */
export function matchesTrustDomain(peer: PeerFacts, value: string): boolean {
  if (value === '*') return true;
  const trustDomain = peer.id.trustDomain as string;
  if (peer.id.path === '') return false;
  const star = value.indexOf('*');
  if (star === -1) return trustDomain === value;
  const before = value.slice(0, star);
  const after = value.slice(star + 1);
  return (
    trustDomain.length >= before.length + after.length &&
    trustDomain.startsWith(before) &&
    trustDomain.endsWith(after)
  );
}
