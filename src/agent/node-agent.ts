import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { type Certificate, parseCertificate } from '../x509/index.ts';
import { AgentAlarms } from './alarms.ts';
import type { WorkloadAttestor } from './attestation.ts';
import { agentErrors } from './errors.ts';
import { JwtSvids } from './jwt-svids.ts';
import { NodeIdentityKeeper } from './node-identity.ts';
import { NodeSync } from './node-sync.ts';
import type { AgentMeter, KeyMaker, NodeAttestation, NodeStore, ServerLink } from './ports.ts';
import { SvidKeeper } from './svid-keeper.ts';
import { UserShares, UserTurns } from './user-shares.ts';
import type { NodeView } from './view.ts';
import { WorkloadAccess, type WorkloadRefusal } from './workload-access.ts';
import { Workloads } from './workloads.ts';

export interface NodeAgentParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly keys: KeyMaker;
  readonly link: ServerLink;
  readonly store: NodeStore;
  readonly attestation: NodeAttestation | undefined;
  readonly attestors: readonly WorkloadAttestor[];
  readonly meter: AgentMeter;
  readonly noteRefusal: (refusal: WorkloadRefusal) => void;
  /** The roots of the first hour; asked for only when nothing newer is kept. */
  readonly firstRoots: () => Promise<readonly Uint8Array[]>;
  readonly wantsPolicy: boolean;
  readonly onView: (view: NodeView) => void;
  readonly limits: {
    readonly maxConcurrentRequests: number;
    readonly maxStreams: number;
    /** Of one user of the node. */
    readonly maxStreamsPerUser: number;
    readonly patienceMs: number;
  };
}

/** The agent of one node: its own identity, what the server tells it, the certificates it keeps, who may have them. */
export class NodeAgent implements Disposable {
  readonly alarms: AgentAlarms;
  readonly identity: NodeIdentityKeeper;
  readonly sync: NodeSync;
  readonly keeper: SvidKeeper;
  readonly workloads: Workloads;
  readonly jwtSvids: JwtSvids;
  readonly access: WorkloadAccess;
  readonly #parts: NodeAgentParts;
  #roots: readonly Certificate[] = [];
  #view: NodeView | undefined;

  constructor(parts: NodeAgentParts) {
    this.#parts = parts;
    const { clock, logger, link, limits, meter } = parts;
    this.alarms = new AgentAlarms(clock, logger);
    const common = { ...parts, alarms: this.alarms };
    this.keeper = new SvidKeeper({
      ...common,
      source: link,
      maxConcurrent: limits.maxConcurrentRequests,
      isHeldBack: true,
      onChange: (id) => this.#certificateChanged(id),
    });
    this.workloads = new Workloads({
      keeper: this.keeper,
      maxSubscriptions: limits.maxStreams,
      onLimit: () => meter.limitHit('workload_streams'),
    });
    this.jwtSvids = new JwtSvids({
      clock,
      source: {
        mint: async (request, signal) => {
          if (this.identity.identity === undefined) throw agentErrors.AGENT_NOT_READY();
          return await link.mint(request, signal);
        },
      },
    });
    this.access = new WorkloadAccess({
      ...parts,
      workloads: this.workloads,
      jwtSvids: this.jwtSvids,
      patienceMs: limits.patienceMs,
      ...sharesOf(parts),
    });
    this.identity = new NodeIdentityKeeper({
      ...common,
      roots: () => this.#roots,
      onRoots: (rootsDer) => this.#useRoots(rootsDer),
      onRenewed: () => this.sync.reopen(),
    });
    this.sync = new NodeSync({
      ...common,
      onView: (view) => this.#follow(view),
      onUp: () => this.keeper.linkIsUp(),
      onNotAdmitted: (error) => this.identity.notAdmitted(error),
      held: () => this.keeper.held(),
    });
  }

  /** Joins, or goes on with what was kept; throws what the first attestation ends in. */
  async start(): Promise<void> {
    const { store, firstRoots } = this.#parts;
    const kept = await store.loadUpdate();
    if (kept !== undefined) this.sync.resume(kept);
    if (this.#roots.length === 0) this.#useRoots(await firstRoots());
    await this.identity.open();
    // What was kept names identities; asking for them before this node could say who it is would be refused.
    this.keeper.begin();
    this.sync.start();
  }

  [Symbol.dispose](): void {
    this.sync[Symbol.dispose]();
    this.identity[Symbol.dispose]();
    this.keeper[Symbol.dispose]();
  }

  #certificateChanged(spiffeId: string): void {
    this.workloads.svidChanged(spiffeId);
    this.sync.certificatesChanged();
  }

  #useRoots(rootsDer: readonly Uint8Array[]): void {
    this.#roots = rootsDer.map(parseCertificate);
    this.#parts.link.useRoots(rootsDer);
  }

  #follow(view: NodeView): void {
    this.#useRoots((view.bundles.get(view.trustDomain)?.roots ?? []).map(({ der }) => der));
    // A token whose key is no longer published would be refused wherever it is shown.
    if (this.#view !== undefined && !jwtKeyIds(this.#view).isSubsetOf(jwtKeyIds(view)))
      this.jwtSvids.forget();
    this.#view = view;
    this.workloads.follow(view);
    this.#parts.onView(view);
  }
}

/** Callers of one user that are attested, and tokens made for one user, at once; more of them wait. */
const attestedAtOnce = 8;
const tokensAtOnce = 4;

function sharesOf({ limits: { maxStreamsPerUser: most }, meter }: NodeAgentParts) {
  const shares = (limit: string) => new UserShares({ most, onLimit: () => meter.limitHit(limit) });
  return {
    streamShares: shares('workload_streams_of_user'),
    attestTurns: new UserTurns({ atOnce: attestedAtOnce, places: shares('workload_attestations_of_user') }),
    tokenTurns: new UserTurns({ atOnce: tokensAtOnce, places: shares('workload_tokens_of_user') }),
  };
}

function jwtKeyIds(view: NodeView): Set<string> {
  return new Set(view.bundles.get(view.trustDomain)?.jwtKeys.map(({ kid }) => kid));
}
