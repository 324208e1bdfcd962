import type { BundleReader, RotationObserver } from '../../authority/index.ts';
import type { Clock } from '../../base/clock.ts';
import type { Duration } from '../../base/duration.ts';
import type { AgentReports } from '../agents/index.ts';
import type { IssuanceStore, LivingIdentity, LivingQuery, NodeStore } from '../ports/index.ts';

export interface RotationWatchParts {
  readonly trustDomain: string;
  readonly issuances: Pick<IssuanceStore, 'listLiving'>;
  readonly nodes: Pick<NodeStore, 'find' | 'list'>;
  /** Named readers of other trust domains; absent: there are none. */
  readonly federated?: { list(): readonly BundleReader[] };
  readonly clock: Clock;
  /** How long what was read from the records is taken as it was: they are large, and change slowly in what counts. */
  readonly remember: Duration;
}

/** What a rotation waits for: what is on record, and what agents say they hold. */
export class RotationWatch implements RotationObserver {
  readonly #parts: RotationWatchParts;
  readonly #known = new Map<string, { readonly at: number; readonly living: readonly LivingIdentity[] }>();
  #reports: Pick<AgentReports, 'list'> | undefined;

  constructor(parts: RotationWatchParts) {
    this.#parts = parts;
  }

  /** The reports of agents, once there are any. */
  follow(reports: Pick<AgentReports, 'list'>): void {
    this.#reports = reports;
  }

  async readers(): Promise<readonly BundleReader[]> {
    const { trustDomain, nodes, clock, federated } = this.#parts;
    const now = clock.now();
    const agents = this.#agents().map(({ id, isConnected, lastSeenAt, bundles }) => {
      const held = bundles.find((bundle) => bundle.trustDomain === trustDomain);
      const reportedAt = isConnected ? now : lastSeenAt;
      const credentialEnds = nodes.find(id)?.notAfter;
      return {
        kind: 'agent' as const,
        name: id,
        sequence: BigInt(held?.sequence ?? 0),
        since: held?.since ?? lastSeenAt,
        reportedAt,
        // While its own certificate lives it can come back, and must then find a server that it believes.
        ...(credentialEnds === undefined
          ? {}
          : { silentAfter: Math.max(0, credentialEnds - reportedAt) as Duration }),
      };
    });
    return [...agents, ...(federated?.list() ?? [])];
  }

  /** Before anybody can have reported, what was written down of them: a start must not pass over who blocks. */
  #agents() {
    if (this.#reports !== undefined) return this.#reports.list();
    return this.#parts.nodes
      .list()
      .filter(({ state }) => state === 'attested')
      .map(({ id, lastSeenAt, bundles }) => ({ id, isConnected: false, lastSeenAt, bundles }));
  }

  /** Agents report for themselves, and our own serving certificate believes nobody. */
  async holdersIssuedBefore(at: number, limit: number) {
    const exceptUnder = `spiffe://${this.#parts.trustDomain}/castellan/`;
    const living = await this.#living(`before ${at}`, { issuedUntil: at, exceptUnder, limit });
    return living.map(({ spiffeId, until }) => ({ name: spiffeId, until }));
  }

  async lastEndSignedBy(authorityIds: readonly string[]): Promise<number> {
    const [last] = await this.#living(`by ${authorityIds.join()}`, { issuerKeyIds: authorityIds, limit: 1 });
    return last?.until ?? 0;
  }

  async #living(key: string, query: Omit<LivingQuery, 'now'>): Promise<readonly LivingIdentity[]> {
    const { clock, issuances, remember } = this.#parts;
    const now = clock.now();
    const before = this.#known.get(key);
    if (before !== undefined && now >= before.at && now - before.at < remember) return before.living;
    const living = await issuances.listLiving({ now, ...query });
    if (this.#known.size > 50) this.#known.clear();
    this.#known.set(key, { at: now, living });
    return living;
  }
}
