import type { Authority } from '../authority/index.ts';
import { equalBytes } from '../base/bytes.ts';
import type { PeerTrust } from '../operations/check-request/index.ts';
import type { PeerVerdict } from '../wire/tls/listener.ts';
import { parseCertificate, validatePath } from '../x509/index.ts';
import type { Environment } from './environment.ts';
import type { State } from './state.ts';

/** D12: a presented certificate is judged by our validator, against the bundle of this moment. */
export function peerJudge(
  trust: Pick<PeerTrust, 'rootsFor' | 'crls'>,
  { clock }: Environment,
): (chain: readonly Uint8Array[]) => PeerVerdict {
  return (chain) => {
    const verdict = validatePath(chain, {
      now: clock.now(),
      purpose: 'client',
      rootsFor: (trustDomain) => trust.rootsFor(trustDomain),
      crls: trust.crls(),
    });
    if (!verdict.ok) return verdict;
    const { spiffeId, leaf, path } = verdict;
    const { serial, notAfter } = leaf;
    const issuerSerials = path.slice(1).map((issuer) => issuer.serial);
    return {
      ok: true,
      peer: { spiffeId, serial, issuerSerials, notAfter, chain: path.map(({ der }) => der) },
    };
  };
}

/**
 * The judge of the door where certificates are renewed: a leaf that is on our deny list, and so in the revocation list
 * of its issuer, may connect, since every call asks the deny list. Refused before a call, an agent that was evicted
 * could not tell that from a server that is away, and would never attest again (M15).
 */
export function tellingJudge(
  { authority, store }: Pick<State, 'authority' | 'store'>,
  environment: Environment,
): (chain: readonly Uint8Array[]) => PeerVerdict {
  const trust = authorityTrust(authority);
  const judge = peerJudge(trust, environment);
  return (chain) => {
    const verdict = judge(chain);
    const [leafDer] = chain;
    if (verdict.ok || verdict.reason !== 'revoked' || leafDer === undefined) return verdict;
    const { issuerDer, serial } = parseCertificate(leafDer);
    const ofOthers = () => trust.crls().filter((crl) => !equalBytes(crl.issuerDer, issuerDer));
    const second = peerJudge({ ...trust, crls: ofOthers }, environment)(chain);
    return second.ok && store.revocations.isRevoked(serial, second.peer.spiffeId.uri) ? second : verdict;
  };
}

export function authorityTrust(authority: Authority): Pick<PeerTrust, 'rootsFor' | 'crls'> {
  return {
    rootsFor: (trustDomain) => (trustDomain === authority.trustDomain ? authority.roots() : undefined),
    crls: () => authority.crls(),
  };
}
