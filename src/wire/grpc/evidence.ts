import { baseErrors } from '../../base/errors.ts';
import type { Evidence } from '../../identity/index.ts';
import type { ConnectionTable } from './connections.ts';
import type { UnaryCall } from './unary.ts';

/** What a call and its connection show of who is asking; throws CANCELLED when the connection is gone. */
export function evidenceOf(
  call: Pick<UnaryCall, 'connectionId' | 'header'>,
  connections: ConnectionTable,
): Evidence {
  const connection = connections.find(call.connectionId);
  if (connection === undefined) throw baseErrors.CANCELLED();
  const { kind, peerAddress, peerIsLoopback, peer } = connection;
  return {
    transport: {
      kind,
      peerAddress,
      peerIsLoopback,
      ...(peer === undefined ? {} : { peerChain: peer.chain, peerId: peer.spiffeId }),
    },
    headers: {
      authorization: call.header('authorization'),
      clusterId: call.header('clusterid'),
      forwardedClientCert: call.header('x-forwarded-client-cert'),
    },
  };
}
