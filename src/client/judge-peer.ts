import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';
import type { SpiffeId } from '../spiffe/index.ts';
import { presentedChain } from '../wire/tls/peer-chain.ts';
import { type Purpose, validatePath } from '../x509/index.ts';
import { clientErrors } from './errors.ts';
import type { X509Source } from './x509-source.ts';

/** Whether this identity is one to talk to: the check after "is it who it says". There is no default. */
export type Authorize = (peer: SpiffeId) => boolean;

export interface PeerQuestion {
  readonly source: X509Source;
  readonly purpose: Purpose;
  readonly authorize: Authorize;
}

/** The peer's identity, or PEER_NOT_ACCEPTED with the reason. Judged by the bundle of the peer's own trust domain. */
export function judgeChain(chain: readonly Uint8Array[], question: PeerQuestion): SpiffeId {
  const { source, purpose, authorize } = question;
  const { bundles, crls } = source.context();
  const verdict = validatePath(chain, {
    now: source.now(),
    purpose,
    rootsFor: (trustDomain) => bundles.get(trustDomain),
    crls,
  });
  if (!verdict.ok) throw refused(`${verdict.reason}: ${verdict.detail}`);
  if (!authorize(verdict.spiffeId)) throw refused(`\`${verdict.spiffeId.uri}\` is not let in here`);
  return verdict.spiffeId;
}

/** For a socket whose handshake has ended. */
export function judgeSocket(socket: TLSSocket, question: PeerQuestion): SpiffeId {
  if (socket.isSessionReused()) throw refused('a resumed session shows no certificate');
  const chain = presentedChain(socket);
  if (chain === undefined) throw refused('it showed no certificate');
  return judgeChain(chain, question);
}

/** For Node's `checkServerIdentity`, which gets the chain as linked objects. */
export function judgeCertificate(certificate: PeerCertificate, question: PeerQuestion): SpiffeId {
  const chain: Uint8Array[] = [];
  const seen = new Set<object>();
  let next: DetailedPeerCertificate | undefined = certificate as DetailedPeerCertificate;
  while (next !== undefined && !seen.has(next) && chain.length < 32) {
    seen.add(next);
    chain.push(new Uint8Array(next.raw));
    next = next.issuerCertificate;
  }
  return judgeChain(chain, question);
}

function refused(reason: string): Error {
  return clientErrors.PEER_NOT_ACCEPTED({
    message: `the peer did not show an identity that is accepted here: ${reason}`,
  });
}
