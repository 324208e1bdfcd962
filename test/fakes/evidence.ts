import type { Evidence, TransportEvidence } from '../../src/identity/index.ts';
import type { SpiffeId } from '../../src/spiffe/index.ts';

export interface EvidenceParts {
  readonly bearer?: string;
  readonly authorization?: readonly string[];
  readonly clusterId?: readonly string[];
  readonly xfcc?: readonly string[];
  readonly peerId?: SpiffeId;
  readonly transport?: Partial<TransportEvidence>;
}

/** What a door would have gathered: TLS from 192.0.2.1 unless said otherwise. */
export function evidence(parts: EvidenceParts = {}): Evidence {
  const bearer = parts.bearer === undefined ? [] : [`Bearer ${parts.bearer}`];
  return {
    transport: {
      kind: 'tls',
      peerAddress: '192.0.2.1',
      peerIsLoopback: false,
      ...(parts.peerId !== undefined && { peerId: parts.peerId, peerChain: [Uint8Array.of(1)] }),
      ...parts.transport,
    },
    headers: {
      authorization: parts.authorization ?? bearer,
      clusterId: parts.clusterId ?? [],
      forwardedClientCert: parts.xfcc ?? [],
    },
  };
}
