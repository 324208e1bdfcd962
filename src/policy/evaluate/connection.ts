import type { Settings } from '../compile/settings.ts';
import type { DecisionReason } from '../decision.ts';
import { modeAtPort, type WorkloadMtls } from '../query/effective-mtls.ts';
import type { AuthzRequest, ConnectionFacts, PeerProblem, PortProtocol } from '../request.ts';

/** Peer authentication's verdict on a connection: which rules see it, and whether it brings an identity. */
export type Admission =
  | { readonly ok: true; readonly layer: 'http' | 'tcp'; readonly hasIdentity: boolean }
  | { readonly ok: false; readonly reason: DecisionReason; readonly detail: string };

const meshHttp: ReadonlySet<string> = new Set(['istio-http/1.0', 'istio-http/1.1', 'istio-h2']);
const meshTcp: ReadonlySet<string> = new Set(['istio-peer-exchange', 'istio']);

type TlsShape = 'plaintext' | 'mesh-http' | 'mesh-tcp' | 'mesh' | 'foreign' | 'unknown';

/** One constant per verdict: an admitted connection allocates nothing. */
const httpWithIdentity: Admission = { ok: true, layer: 'http', hasIdentity: true };
const tcpWithIdentity: Admission = { ok: true, layer: 'tcp', hasIdentity: true };
const httpAnonymous: Admission = { ok: true, layer: 'http', hasIdentity: false };
const tcpAnonymous: Admission = { ok: true, layer: 'tcp', hasIdentity: false };
const plaintextUnderStrict: Admission = {
  ok: false,
  reason: 'peer_plaintext_under_strict',
  detail: 'the port takes mutual TLS only (STRICT), and the connection is plaintext',
};
const noCertificate: Admission = {
  ok: false,
  reason: 'peer_plaintext_under_strict',
  detail: 'the port takes mutual TLS only, and the client presented no certificate',
};
const unknownTrustDomain: Admission = {
  ok: false,
  reason: 'peer_unknown_trust_domain',
  detail: 'the trust domain of the peer is neither ours, nor an alias, nor one of an accepted authority',
};
const noChain: Admission = {
  ok: false,
  reason: 'request_malformed',
  detail:
    'TLS that is not of the mesh, at an HTTP port that takes plaintext or mesh TLS: no filter chain fits',
};
const notTerminated: Admission = {
  ok: false,
  reason: 'request_malformed',
  detail: 'TLS at an HTTP port where TLS is disabled: the bytes are not HTTP',
};
const problems: Readonly<Record<PeerProblem, Admission>> = {
  'untrusted-root': refuse('peer_untrusted_root', 'the peer certificate does not chain to a trusted root'),
  expired: refuse('peer_expired', 'the peer certificate has expired or is not yet valid'),
  revoked: refuse('peer_revoked', 'the peer certificate is revoked'),
  malformed: refuse('peer_untrusted_root', 'the peer certificate is malformed or has no single SPIFFE ID'),
};

function refuse(reason: DecisionReason, detail: string): Admission {
  return { ok: false, reason, detail };
}

/** The truth table of policy.md §1.3 (sidecar), with §1.2 for gateways and §1.4 for ambient. */
export function admitConnection(mtls: WorkloadMtls, request: AuthzRequest, settings: Settings): Admission {
  const { connection, destination } = request;
  const protocol = destination.ports?.get(connection.destinationPort) ?? 'auto';
  const layer = request.http === undefined || protocol === 'tcp' ? 'tcp' : 'http';
  if (destination.proxy === 'gateway') return atGateway(connection, settings, layer);
  const mode = modeAtPort(mtls, connection.destinationPort);
  if (destination.proxy === 'ztunnel')
    return atZtunnel(connection, { settings, layer, isStrict: mode === 'STRICT' });
  const shape = tlsShape(connection);
  if (shape === 'plaintext')
    return mode === 'STRICT' ? plaintextUnderStrict : layer === 'http' ? httpAnonymous : tcpAnonymous;
  if (mode === 'STRICT') return underStrict(shape, connection, { settings, layer, protocol });
  if (shape === 'unknown' || (mode === 'DISABLE' && connection.alpn === undefined))
    return layer === 'http' ? httpAnonymous : tcpAnonymous;
  if (mode === 'DISABLE') return protocol === 'http' ? notTerminated : tcpAnonymous;
  if (shape === 'foreign') return protocol === 'http' ? noChain : tcpAnonymous;
  return checkPeer(connection, settings) ?? withIdentity(meshLayer(shape, layer, protocol));
}

function tlsShape({ tls, alpn }: ConnectionFacts): TlsShape {
  if (tls === 'none') return 'plaintext';
  if (alpn === undefined) return tls === 'mutual' ? 'mesh' : 'unknown';
  if (meshHttp.has(alpn)) return 'mesh-http';
  return meshTcp.has(alpn) ? 'mesh-tcp' : 'foreign';
}

interface Port {
  readonly settings: Settings;
  readonly layer: 'http' | 'tcp';
  readonly protocol: PortProtocol;
}

/** Every connection is terminated and needs a valid certificate; foreign TLS at a sniffed port is taken for TCP. */
function underStrict(shape: TlsShape, connection: ConnectionFacts, port: Port): Admission {
  const refused = checkPeer(connection, port.settings);
  if (refused !== undefined) return refused;
  if (shape === 'foreign' && port.protocol === 'auto') return tcpWithIdentity;
  return withIdentity(meshLayer(shape, port.layer, port.protocol));
}

/** The protocol that the client named in ALPN picks the chain of a sniffed port. */
function meshLayer(shape: TlsShape, layer: 'http' | 'tcp', protocol: PortProtocol): 'http' | 'tcp' {
  return shape === 'mesh-tcp' && protocol === 'auto' ? 'tcp' : layer;
}

function withIdentity(layer: 'http' | 'tcp'): Admission {
  return layer === 'http' ? httpWithIdentity : tcpWithIdentity;
}

/** Undefined when the peer is one of ours. */
function checkPeer({ tls, peer, peerProblem }: ConnectionFacts, settings: Settings): Admission | undefined {
  if (peerProblem !== undefined) return problems[peerProblem];
  if (tls !== 'mutual' || peer === undefined) return noCertificate;
  const accepted = settings.acceptedTrustDomains;
  return accepted === undefined || accepted.has(peer.trustDomain) ? undefined : unknownTrustDomain;
}

/** policy.md §1.2 row 8: the Gateway's own TLS settings decided already; a certificate that failed is still no pass. */
function atGateway(connection: ConnectionFacts, settings: Settings, layer: 'http' | 'tcp'): Admission {
  if (connection.tls !== 'mutual') return layer === 'http' ? httpAnonymous : tcpAnonymous;
  return checkPeer(connection, settings) ?? withIdentity(layer);
}

/** policy.md §1.4: DISABLE acts like PERMISSIVE, and HBONE is mutual TLS in any mode. */
function atZtunnel(
  connection: ConnectionFacts,
  port: { readonly settings: Settings; readonly layer: 'http' | 'tcp'; readonly isStrict: boolean },
): Admission {
  if (connection.tls === 'none')
    return port.isStrict ? plaintextUnderStrict : port.layer === 'http' ? httpAnonymous : tcpAnonymous;
  return checkPeer(connection, port.settings) ?? withIdentity(port.layer);
}
