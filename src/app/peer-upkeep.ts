import type { Clock } from '../base/clock.ts';
import type { Connection, ConnectionTable } from '../wire/grpc/connections.ts';
import type { PeerVerdict } from '../wire/tls/listener.ts';
import type { State } from './state.ts';

export interface UpkeepParts {
  readonly state: Pick<State, 'authority' | 'store'>;
  readonly clock: Clock;
  readonly connections: ConnectionTable;
  readonly judge: (chain: readonly Uint8Array[]) => PeerVerdict;
}

const periodMs = 10_000;

/**
 * What let a connection in must still hold for its next call (M10, M14): open connections whose certificate has ended,
 * was revoked, or no longer chains to the bundle are closed.
 */
export function keepPeersHonest({ state, clock, connections, judge }: UpkeepParts): Disposable {
  const { authority, store } = state;
  let crls = authority.crls();
  const closeWhere = (isBad: (peer: NonNullable<Connection['peer']>) => boolean) =>
    connections.closeWhere(({ peer }) => peer !== undefined && isBad(peer));
  const judgeAgain = () => closeWhere((peer) => !judge(peer.chain).ok);
  const look = () => {
    const changed = authority.crls();
    if (changed !== crls) {
      crls = changed;
      judgeAgain();
    } else closeWhere(({ notAfter }) => clock.now() > notAfter);
  };
  const watch = store.revocations.watch(() =>
    closeWhere(({ serial, spiffeId }) => store.revocations.isRevoked(serial, spiffeId.uri)),
  );
  const bundle = authority.onBundleChange(judgeAgain);
  const lists = authority.onCrlChange(judgeAgain);
  let timer: Disposable;
  const arm = () => {
    timer = clock.schedule(periodMs, () => {
      look();
      arm();
    });
  };
  arm();
  return {
    [Symbol.dispose]() {
      watch[Symbol.dispose]();
      bundle[Symbol.dispose]();
      lists[Symbol.dispose]();
      timer[Symbol.dispose]();
    },
  };
}
