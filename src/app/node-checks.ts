import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Metrics } from '../adapters/telemetry/index.ts';
import type { Duration } from '../base/duration.ts';
import { parseIpBlock } from '../base/ip.ts';
import {
  type CheckOutcome,
  type CheckQuestion,
  CheckRequest,
  PeerIdentities,
  ProxyBindings,
} from '../operations/check-request/index.ts';
import { ShippingRing, writeDecisionRow } from '../operations/decisions/index.ts';
import {
  type DenyContent,
  FollowedDenyList,
  FollowedResources,
  FollowedTrust,
  type NodeContent,
  NodeKeySets,
  readNodeContent,
  storeRevisionOf,
  type TrustContent,
} from '../operations/policy-content/index.ts';
import type { DecisionRow, TrafficRow } from '../operations/ports/index.ts';
import type { Tracer } from '../operations/tracing/index.ts';
import { writeTrafficRow } from '../operations/traffic/index.ts';
import { type Deciding, openDeciding } from './deciding.ts';
import type { Environment } from './environment.ts';
import { openTraffic, type Traffic } from './traffic.ts';

/** As the server's part of the stream gives it. */
export interface NodePolicyText {
  readonly revision: string;
  readonly json: Uint8Array;
}

export interface NodeChecksParts {
  readonly environment: Environment;
  readonly metrics: Metrics;
  readonly tracer?: Tracer | undefined;
  /** How long decisions go on after the server was last heard. */
  readonly maxStale: Duration;
  /** Its time of change says when that was, over restarts too. */
  readonly heardFile: string;
  /** The server answers. */
  readonly isUp: () => boolean;
  /** Hands records to the server; rejects when it has not taken them. */
  readonly ship: (
    records: readonly Uint8Array[],
    dropped: number,
    traffic?: readonly Uint8Array[],
  ) => Promise<void>;
  /** Asks the server to fetch a key set again; false when it cannot be asked now. */
  readonly want: (keySet: string) => boolean;
  /** A policy is in force: the server wants to know. */
  readonly onInForce: (revision: string) => void;
  /** A policy was refused, and why. */
  readonly onRefused: (problem: string) => void;
}

const heardEveryMs = 10_000;
/** G6: a key set that the server could not refresh for so long is none. */
const keysKeptMs = 24 * 3_600_000;

interface Following {
  readonly stack: AsyncDisposableStack;
  readonly resources: FollowedResources;
  readonly deciding: Deciding;
  /** What it was opened with: others make a new one. */
  readonly settings: string;
}

/**
 * Decisions at a node: by what the server streamed last, without asking anybody, for as long as `maxStale` after the
 * server was last heard. Before there is a policy, and after that time, everything is denied (G5).
 */
export class NodeChecks implements AsyncDisposable {
  readonly #parts: NodeChecksParts;
  readonly #ring: ShippingRing;
  readonly #traffic: Traffic;
  readonly #stack = new AsyncDisposableStack();
  readonly #nothing: CheckRequest;
  readonly #trust = new FollowedTrust(noTrust);
  readonly #keySets: NodeKeySets;
  readonly #denied = new FollowedDenyList({ serials: [], spiffeIds: [] });
  #following: Following | undefined;
  #inForce = '';
  #heardAt: number;
  #timer: Disposable;
  #work: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: NodeChecksParts) {
    this.#parts = parts;
    const { clock } = parts.environment;
    this.#heardAt = lastHeard(parts.heardFile) ?? clock.now();
    this.#ring = new ShippingRing({
      clock,
      ship: (rows: readonly DecisionRow[], dropped) => parts.ship(rows.map(writeDecisionRow), dropped),
      everyMs: 200,
      retryMs: 5_000,
    });
    const send = (rows: readonly TrafficRow[]) => parts.ship([], 0, rows.map(writeTrafficRow));
    this.#traffic = openTraffic({ ...parts, send }, this.#stack);
    const { maxStale, want } = parts;
    this.#keySets = new NodeKeySets({ clock, keptMs: keysKeptMs + maxStale, want });
    this.#nothing = undecided(parts.environment);
    this.#timer = this.#listen();
    parts.metrics.sample((set) => {
      set('castellan_policy_age_seconds', this.staleMs() / 1000);
      set('castellan_decisions_waiting', this.#ring.waiting);
    });
  }

  /** What the doors call. */
  readonly verb = {
    check: (question: CheckQuestion): CheckOutcome | Promise<CheckOutcome> =>
      (this.#following?.deciding.verb ?? this.#nothing).check(question),
  };

  /** The revision in force; empty before the first. */
  get inForce(): string {
    return this.#inForce;
  }

  /** How long the server has not been heard. */
  staleMs(): number {
    const { environment, isUp } = this.#parts;
    return isUp() ? 0 : Math.max(0, environment.clock.now() - this.#heardAt);
  }

  get isStale(): boolean {
    return this.staleMs() > this.#parts.maxStale;
  }

  /** Puts a policy in force beside the one that decides; one that cannot be is refused, and nothing changes. */
  take(policy: NodePolicyText): void {
    const earlier = this.#work;
    this.#work = this.#takeAfter(earlier, policy);
  }

  /** Whom to believe; throws when it cannot be read, and then the last stays. */
  believe(content: TrustContent): void {
    this.#trust.replace(content);
  }

  /** In force for the next check: what is revoked waits for no policy. */
  deny(content: DenyContent): void {
    this.#denied.replace(content);
  }

  /** Resolves when everything taken so far is in force or refused. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer[Symbol.dispose]();
    await this.#work;
    await this.#ring.flush();
    this.#ring[Symbol.dispose]();
    await this.#stack.disposeAsync();
    await this.#following?.stack.disposeAsync();
  }

  async #takeAfter(earlier: Promise<void>, policy: NodePolicyText): Promise<void> {
    await earlier;
    if (this.#isClosed || policy.revision === this.#inForce) return;
    try {
      await this.#take(policy);
      this.#inForce = policy.revision;
      this.#parts.onInForce(policy.revision);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      const logger = this.#parts.environment.logger.scoped('policy');
      logger.error('the policy of the server is not taken up; the last good one decides on', { problem });
      this.#parts.onRefused(problem);
    }
  }

  async #take(policy: NodePolicyText): Promise<void> {
    const content = readNodeContent(policy.json);
    const settings = JSON.stringify(content.settings, (_key, value: unknown) =>
      value instanceof Map ? [...value] : value,
    );
    this.#keySets.replace(content.keySets);
    const following = this.#following;
    const revision = storeRevisionOf(policy.revision) ?? content.storeRevision;
    if (following !== undefined && following.settings === settings) {
      following.resources.replace(content.resources, revision);
      const isInForce = await following.deciding.feed.waitFor(
        revision,
        AbortSignal.timeout(longestCompileMs),
      );
      if (!isInForce) throw new Error(following.deciding.feed.status().problem ?? 'it does not compile');
    } else {
      this.#following = await this.#open(content, { settings, revision });
      await following?.stack.disposeAsync();
    }
    this.#compare(content);
  }

  async #open(
    content: NodeContent,
    { settings, revision }: { readonly settings: string; readonly revision: bigint },
  ): Promise<Following> {
    await using opening = new AsyncDisposableStack();
    const resources = new FollowedResources(content.resources, revision);
    const { environment, metrics, tracer } = this.#parts;
    const { policy, bindings, providers, outboundAllow, sampleAllows } = content.settings;
    const deciding = await openDeciding({
      environment,
      metrics,
      tracer,
      stack: opening,
      resources,
      policySettings: policy,
      providers: new Map(providers.map(({ name, ...one }) => [name, one])),
      allow: outboundAllow.map((text) => parseIpBlock(text)).filter((block) => block !== undefined),
      sampleAllows,
      trust: this.#trust,
      revocations: this.#denied,
      bindings: new ProxyBindings(bindings),
      ring: this.#ring,
      traffic: this.#traffic.counter,
      fetcherFor: (place) => this.#keySets.fetcherFor(place),
      keeping: keysRelayed,
      mayDecide: () => !this.isStale,
    });
    const { problem } = deciding.feed.status();
    if (problem !== undefined) throw new Error(problem);
    return { stack: opening.move(), resources, deciding, settings };
  }

  /** Same resources, same settings: what both compiled must be the same. */
  #compare({ snapshotRevision }: NodeContent): void {
    const here = this.#following?.deciding.feed.status().revision;
    if (here !== snapshotRevision)
      this.#parts.environment.logger
        .scoped('policy')
        .warn('this agent compiles policies otherwise than its server', {
          here,
          server: snapshotRevision,
        });
  }

  #listen(): Disposable {
    const { environment, isUp, heardFile } = this.#parts;
    if (isUp()) {
      this.#heardAt = environment.clock.now();
      noteHeard(heardFile);
    }
    return environment.clock.schedule(heardEveryMs, () => {
      this.#timer = this.#listen();
    });
  }
}

const longestCompileMs = 120_000;

/** What was told is looked at often, for that costs nothing; the server is asked for an unknown kid less often. */
const keysRelayed = {
  refreshMs: 5_000,
  cooldownMs: 250,
  kidCooldownMs: 5_000,
  absentKidMs: 5_000,
  maxStaleMs: 15_000,
} as const;

const noTrust = {
  trustDomain: 'nowhere.invalid' as TrustContent['trustDomain'],
  rootsDer: [],
  knownIssuersDer: [],
  crlsDer: [],
};

function undecided({ clock, random, logger }: Environment): CheckRequest {
  return new CheckRequest({
    policy: () => undefined,
    bindings: new ProxyBindings([]),
    peers: new PeerIdentities(new FollowedTrust(noTrust), { isRevoked: () => true }),
    tokens: { verify: () => [] },
    custom: { ask: () => Promise.reject(new Error('nobody is asked')) },
    observer: { decided: () => undefined },
    clock,
    stopwatch: () => performance.now(),
    random,
    logger,
  });
}

function lastHeard(file: string): number | undefined {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return undefined;
  }
}

/** A disk that takes no more changes what a restart knows, and nothing else. */
function noteHeard(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, '', { mode: 0o600 });
  } catch {
    // Staleness is then counted from the start of the process.
  }
}
