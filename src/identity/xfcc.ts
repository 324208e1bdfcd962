import { type Cidr, cidrContains, parseIp } from '../base/ip.ts';
import { isReservedId, SpiffeId, type TrustDomain } from '../spiffe/index.ts';
import {
  type AuthenticationResult,
  type Authenticator,
  accepted,
  type Evidence,
  notApplicable,
  rejected,
} from './evidence.ts';
import { parseXfcc, type XfccElement } from './xfcc-grammar.ts';

export interface XfccOptions {
  readonly trustDomain: TrustDomain;
  /** The networks of trusted proxies. Loopback is one only if it is listed (D2, A13). */
  readonly trustedNetworks: readonly Cidr[];
  /** If set, the element's `By` must be one of these: the proxies' own identities. */
  readonly proxies?: readonly SpiffeId[];
}

/**
 * What a trusted proxy says about the client certificate that it saw. Only the last element counts, the one that the
 * proxy itself wrote; it must hold exactly one URI. DNS names and subjects are no identities (A14 as settled by D2).
 */
export function xfccAuthenticator(options: XfccOptions): Authenticator {
  return {
    name: 'xfcc',
    secondOpinion: 'never',
    authenticate: (evidence) => Promise.resolve(authenticate(options, evidence)),
  };
}

function authenticate(options: XfccOptions, evidence: Evidence): AuthenticationResult {
  const { forwardedClientCert: values } = evidence.headers;
  if (values.length === 0) return notApplicable;
  const peer = parseIp(evidence.transport.peerAddress);
  if (peer === undefined || !options.trustedNetworks.some((network) => cidrContains(network, peer)))
    return rejected('xfcc-untrusted-peer', 'the peer is in no trusted network; its header was dropped');
  const elements: XfccElement[] = [];
  for (const value of values) {
    const parsed = parseXfcc(value);
    if (!parsed.ok) return rejected(`xfcc-${parsed.fault}`, 'the header does not follow the grammar');
    elements.push(...parsed.elements);
  }
  const nearest = elements.at(-1);
  if (nearest === undefined) return notApplicable;
  if (options.proxies !== undefined && !isByOneOf(nearest, options.proxies))
    return rejected('xfcc-by-mismatch', 'By is not the identity of a trusted proxy');
  return readIdentity(nearest, options.trustDomain);
}

function isByOneOf(element: XfccElement, proxies: readonly SpiffeId[]): boolean {
  const [by, ...others] = element.get('by') ?? [];
  return others.length === 0 && proxies.some((proxy) => proxy.uri === by);
}

function readIdentity(element: XfccElement, trustDomain: TrustDomain): AuthenticationResult {
  const [uri, ...others] = element.get('uri') ?? [];
  if (uri === undefined || others.length > 0)
    return rejected('xfcc-not-one-uri', 'not exactly one URI in the last element');
  const id = SpiffeId.tryParse(uri);
  if (id === undefined) return rejected('xfcc-not-a-spiffe-id', 'the URI is not a SPIFFE ID');
  if (id.trustDomain !== trustDomain)
    return rejected('foreign-trust-domain', `the URI is of ${id.trustDomain}`);
  // the trust domain itself is the identity of its authority, and of nobody else.
  if (id.path === '') return rejected('xfcc-no-workload', 'the URI names a trust domain and no workload');
  if (isReservedId(id)) return rejected('xfcc-reserved-id', 'a node speaks for itself, not through a proxy');
  return accepted({ identities: [id], method: 'xfcc', subject: id.uri });
}
