import type { Clock } from '../base/clock.ts';
import type { Connection, ConnectionPeer, ConnectionTable } from '../wire/grpc/connections.ts';
import type { PeerVerdict } from '../wire/tls/listener.ts';
import type { State } from './state.ts';

export interface UpkeepParts {
  readonly state: {
    readonly authority: Pick<State['authority'], 'crls' | 'onBundleChange' | 'onCrlChange'>;
    readonly store: { readonly revocations: Pick<State['store']['revocations'], 'isRevoked' | 'watch'> };
  };
  readonly clock: Clock;
  readonly connections: ConnectionTable;
  readonly judge: (chain: readonly Uint8Array[]) => PeerVerdict;
}

const periodMs = 10_000;
/** Judged in one turn, a few milliseconds of signature checks: what else the server is for never waits long. */
const judgedAtOnce = 8;

/**
 * What let a connection in must still hold for its next call (M10, M14): open connections whose certificate has ended,
 * was revoked, or no longer chains to the bundle are closed. After a change of the bundle they are judged a few at a
 * time; one that calls before its turn is judged there and then.
 */
export function keepPeersHonest({ state, clock, connections, judge }: UpkeepParts): Disposable {
  const { authority, store } = state;
  const isHonest = ({ peer }: Connection) => peer === undefined || judge(peer.chain).ok;
  const rejudging = new Rejudging({ clock, connections, isHonest });
  let crls = authority.crls();
  const closeWhere = (isBad: (peer: ConnectionPeer) => boolean) =>
    connections.closeWhere(({ peer }) => peer !== undefined && isBad(peer));
  // A list cannot spoil a path that it names nothing of.
  const onLists = () => {
    crls = authority.crls();
    rejudging.add(({ serial, issuerSerials }) =>
      crls.some((crl) => [serial, ...issuerSerials].some((one) => crl.isRevoked(one))),
    );
  };
  const look = () => {
    if (authority.crls() !== crls) onLists();
    closeWhere(({ notAfter }) => clock.now() > notAfter);
  };
  const watch = store.revocations.watch(() =>
    closeWhere(({ serial, spiffeId }) => store.revocations.isRevoked(serial, spiffeId.uri)),
  );
  const bundle = authority.onBundleChange(() => rejudging.add(() => true));
  const lists = authority.onCrlChange(onLists);
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
      for (const one of [watch, bundle, lists, timer, rejudging]) one[Symbol.dispose]();
    },
  };
}

interface RejudgingParts extends Pick<UpkeepParts, 'clock' | 'connections'> {
  readonly isHonest: (connection: Connection) => boolean;
}

/** Connections that must be judged anew, and have not been yet. */
class Rejudging implements Disposable {
  readonly #parts: RejudgingParts;
  readonly #due = new Set<string>();
  #turn: Disposable | undefined;

  constructor(parts: RejudgingParts) {
    this.#parts = parts;
    parts.connections.askBeforeCalls(
      (connection) => !this.#due.delete(connection.id) || parts.isHonest(connection),
    );
  }

  add(isDoubtful: (peer: ConnectionPeer) => boolean): void {
    for (const { id, peer } of this.#parts.connections.list())
      if (peer !== undefined && isDoubtful(peer)) this.#due.add(id);
    this.#goOn();
  }

  [Symbol.dispose](): void {
    this.#turn?.[Symbol.dispose]();
  }

  #goOn(): void {
    if (this.#due.size === 0) return;
    const { clock, connections } = this.#parts;
    this.#turn ??= clock.schedule(0, () => {
      this.#turn = undefined;
      // To find it is to have it judged.
      let judged = 0;
      for (const id of this.#due) {
        if (judged++ === judgedAtOnce) break;
        if (connections.find(id) === undefined) this.#due.delete(id);
      }
      this.#goOn();
    });
  }
}
