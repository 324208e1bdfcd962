import type { Authority } from '../authority/index.ts';
import type { PeerTrust } from '../operations/check-request/index.ts';
import type { PeerVerdict } from '../wire/tls/listener.ts';
import { validatePath } from '../x509/index.ts';
import type { Environment } from './environment.ts';

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
    return {
      ok: true,
      peer: { spiffeId, serial: leaf.serial, notAfter: leaf.notAfter, chain: path.map(({ der }) => der) },
    };
  };
}

export function authorityTrust(authority: Authority): Pick<PeerTrust, 'rootsFor' | 'crls'> {
  return {
    rootsFor: (trustDomain) => (trustDomain === authority.trustDomain ? authority.roots() : undefined),
    crls: () => authority.crls(),
  };
}
