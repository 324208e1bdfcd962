import type { SpiffeId, TrustDomain } from '../spiffe/index.ts';
import {
  type AuthenticationResult,
  type Authenticator,
  accepted,
  type Evidence,
  notApplicable,
  rejected,
  unavailable,
} from './evidence.ts';

export type Standing =
  | { readonly standing: 'good' }
  | {
      readonly standing: 'refused';
      readonly reason: 'not-on-record' | 'expired' | 'revoked' | 'not-registered' | 'not-attested';
      readonly detail: string;
    }
  | { readonly standing: 'unavailable'; readonly detail: string };

/**
 * Whether a certificate whose path is valid may still speak for its identity (D9): its record is on file, neither it nor
 * the identity is revoked, and an identity born of a registration is still registered.
 */
export interface CertificateStanding {
  standingOf(leafDer: Uint8Array, spiffeId: SpiffeId, signal: AbortSignal): Promise<Standing>;
}

export interface ClientCertificateOptions {
  readonly trustDomain: TrustDomain;
  readonly standing: CertificateStanding;
}

/** A9, M11: the identity is that of the leaf of the validated path, and nothing else in the certificate. */
export function clientCertificateAuthenticator(options: ClientCertificateOptions): Authenticator {
  return {
    name: 'client-certificate',
    secondOpinion: 'never',
    authenticate: (evidence, signal) => authenticate(options, evidence, signal),
  };
}

async function authenticate(
  options: ClientCertificateOptions,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<AuthenticationResult> {
  const { kind, peerChain, peerId } = evidence.transport;
  const leaf = peerChain?.[0];
  if (kind !== 'tls' || leaf === undefined || peerId === undefined) return notApplicable;
  if (peerId.trustDomain !== options.trustDomain)
    return rejected('foreign-trust-domain', `the certificate is of the trust domain ${peerId.trustDomain}`);
  const answer = await options.standing.standingOf(leaf, peerId, signal);
  if (answer.standing === 'unavailable') return unavailable('certificate-records', answer.detail);
  if (answer.standing === 'refused') return rejected(`certificate-${answer.reason}`, answer.detail);
  return accepted({ identities: [peerId], method: 'client_cert', subject: peerId.uri });
}
