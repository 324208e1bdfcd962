import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { HeldBundle, NodeNote, NodeStore } from '../ports/index.ts';

/** A certificate that an agent said is in use at its node. */
export interface HeldSvid {
  readonly spiffeId: string;
  readonly serial: string;
  readonly issuerKeyId: string;
  readonly notAfter: number;
}

/** What one message of an agent says. */
export interface AgentReport {
  readonly revision: string;
  readonly refused: string;
  readonly bundleSequences: ReadonlyMap<string, number>;
  readonly svids: readonly HeldSvid[];
  readonly endedSerials: readonly string[];
  readonly policyRevision: string;
  /** Key sets that a token at its node lacks a key of. */
  readonly wantedKeySets: readonly string[];
}

/** What an agent holds, as far as it said so. */
export interface AgentHolding {
  readonly id: string;
  readonly isConnected: boolean;
  /** The last word of it, whatever it was; wall time, ms. */
  readonly lastSeenAt: number;
  readonly bundles: readonly HeldBundle[];
  /** Of this server's run only: empty until the agent has reported. */
  readonly revision: string;
  readonly refused: string;
  readonly policyRevision: string;
  readonly svids: readonly HeldSvid[];
  /** Decision records that the node lost in a flood, as far as it said so. */
  readonly decisionsDropped: number;
}

/** What an agent that decides hands over now and then. */
export interface ShippedByNode {
  /** Decision records: JSON, one row each. */
  readonly records: readonly Uint8Array[];
  /** Records lost since the last time. */
  readonly dropped: number;
  /** Counts of traffic: JSON, one row each. */
  readonly traffic: readonly Uint8Array[];
}

interface Entry {
  streams: number;
  lastSeenAt: number;
  bundles: readonly HeldBundle[];
  revision: string;
  refused: string;
  policyRevision: string;
  decisionsDropped: number;
  readonly svids: Map<string, HeldSvid>;
}

const mostSvids = 20_000;
const writtenEveryMs = 5_000;
const seenEveryMs = 300_000;

export interface AgentReportsParts {
  readonly nodes: NodeStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Who holds which trust bundle and which certificates: what `get agents` shows and what rotation waits for. Kept in
 * memory; bundles held and the last word are written behind, so that a restart forgets no silent agent.
 */
export class AgentReports implements Disposable {
  readonly #parts: AgentReportsParts;
  readonly #entries = new Map<string, Entry>();
  readonly #toWrite = new Set<string>();
  readonly #listeners = new Set<(id: string) => void>();
  #timer: Disposable | undefined;

  constructor(parts: AgentReportsParts) {
    this.#parts = parts;
  }

  /** A stream of the agent opened; dispose when it has ended. */
  connect(id: string): Disposable {
    const entry = this.#entry(id);
    // What the agent held on its last stream it says again on this one.
    if (entry.streams === 0) entry.svids.clear();
    entry.streams++;
    this.#seen(id, entry);
    return {
      [Symbol.dispose]: () => {
        entry.streams--;
        this.#seen(id, entry);
        this.#tell(id);
      },
    };
  }

  note(id: string, report: AgentReport): void {
    const entry = this.#entry(id);
    const now = this.#parts.clock.now();
    const { revision, refused, policyRevision, bundleSequences, svids, endedSerials } = report;
    Object.assign(entry, { revision, refused, policyRevision });
    const bundles = mergeBundles(entry.bundles, bundleSequences, now);
    if (bundles !== entry.bundles) {
      entry.bundles = bundles;
      this.#writeSoon(id);
    }
    for (const serial of endedSerials) entry.svids.delete(serial);
    for (const svid of svids) {
      if (entry.svids.size >= mostSvids && !entry.svids.has(svid.serial)) continue;
      entry.svids.set(svid.serial, svid);
    }
    this.#seen(id, entry);
    this.#tell(id);
  }

  /** Its node lost so many decision records since it last said so. */
  noteDropped(id: string, dropped: number): void {
    this.#entry(id).decisionsDropped += Math.max(0, dropped);
  }

  /** Undefined for an agent that nothing is known of. */
  find(id: string): AgentHolding | undefined {
    const node = this.#parts.nodes.find(id);
    const entry = this.#entries.get(id);
    if (node === undefined && entry === undefined) return undefined;
    return {
      id,
      isConnected: (entry?.streams ?? 0) > 0,
      lastSeenAt: Math.max(entry?.lastSeenAt ?? 0, node?.lastSeenAt ?? 0),
      bundles: entry?.bundles ?? node?.bundles ?? [],
      revision: entry?.revision ?? '',
      refused: entry?.refused ?? '',
      policyRevision: entry?.policyRevision ?? '',
      svids: entry === undefined ? [] : [...entry.svids.values()],
      decisionsDropped: entry?.decisionsDropped ?? 0,
    };
  }

  /** Of every node that is attested. */
  list(): readonly AgentHolding[] {
    return this.#parts.nodes
      .list()
      .filter(({ state }) => state === 'attested')
      .map(({ id }) => this.find(id))
      .filter((holding) => holding !== undefined);
  }

  connected(): number {
    return [...this.#entries.values()].filter(({ streams }) => streams > 0).length;
  }

  /** Called after each report and when an agent's last stream ended. */
  watch(listener: (id: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Writes what waits to be written. */
  async flush(): Promise<void> {
    const ids = [...this.#toWrite];
    this.#toWrite.clear();
    const notes = ids.map((id): NodeNote => {
      const { lastSeenAt, bundles } = this.#entry(id);
      return { id, lastSeenAt, bundles };
    });
    if (notes.length === 0) return;
    try {
      await this.#parts.nodes.note(notes);
    } catch (error) {
      for (const id of ids) this.#toWrite.add(id);
      this.#parts.logger.debug('reports of agents could not be written', { error: String(error) });
    }
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#listeners.clear();
  }

  #entry(id: string): Entry {
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      const node = this.#parts.nodes.find(id);
      const { bundles = [], lastSeenAt = 0 } = node ?? {};
      entry = {
        streams: 0,
        lastSeenAt,
        bundles,
        revision: '',
        refused: '',
        policyRevision: '',
        decisionsDropped: 0,
        svids: new Map(),
      };
      this.#entries.set(id, entry);
    }
    return entry;
  }

  #seen(id: string, entry: Entry): void {
    entry.lastSeenAt = this.#parts.clock.now();
    const written = this.#parts.nodes.find(id)?.lastSeenAt ?? 0;
    if (entry.lastSeenAt - written >= seenEveryMs) this.#writeSoon(id);
  }

  #writeSoon(id: string): void {
    this.#toWrite.add(id);
    this.#timer ??= this.#parts.clock.schedule(writtenEveryMs, () => {
      this.#timer = undefined;
      void this.flush();
    });
  }

  #tell(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }
}

const mostTrustDomains = 1_000;

/** The same array when nothing changed. A sequence that goes back is what the agent holds, so it counts. */
function mergeBundles(
  held: readonly HeldBundle[],
  reported: ReadonlyMap<string, number>,
  now: number,
): readonly HeldBundle[] {
  const known = new Map(held.map((bundle) => [bundle.trustDomain, bundle]));
  const next = [...reported]
    .slice(0, mostTrustDomains)
    .map(([trustDomain, sequence]): HeldBundle => {
      const before = known.get(trustDomain);
      return before?.sequence === sequence ? before : { trustDomain, sequence, since: now };
    })
    .sort((a, b) => (a.trustDomain < b.trustDomain ? -1 : 1));
  const isSame = next.length === held.length && next.every((bundle, i) => bundle === held[i]);
  return isSame ? held : next;
}
