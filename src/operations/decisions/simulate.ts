import { type Clock, sleep } from '../../base/clock.ts';
import type { WorkloadFacts } from '../../policy/index.ts';
import {
  type AnyResource,
  type Finding,
  hasErrors,
  joinResults,
  parseResources,
} from '../../resources/index.ts';
import type { ActivePolicy } from '../check-request/index.ts';
import { compileInSlices, engineSettings, type PolicySettings } from '../policy-snapshot/index.ts';
import type { DecisionRing, TrafficLedger } from '../ports/index.ts';
import { decisionErrors } from './errors.ts';
import { type DecisionRecord, requestOf } from './record.ts';
import { replay, type Sides } from './replay.ts';
import { type FlipGroup, SimulationTally, type UndecidableGroup } from './simulation-report.ts';

export interface SimulateDeps {
  readonly ring: DecisionRing;
  readonly traffic: Pick<TrafficLedger, 'list'>;
  readonly policy: () => ActivePolicy | undefined;
  readonly settings: PolicySettings;
  readonly clock: Clock;
  /** Milliseconds since any moment, fine-grained. */
  readonly stopwatch: () => number;
}

export interface SimulateRequest {
  readonly files: readonly { readonly file: string; readonly text: string }[];
  readonly defaultNamespace: string;
  /** Wall time, ms: records from then on are replayed. */
  readonly since: number;
  readonly signal: AbortSignal;
}

export interface Simulation {
  /** A finding refused the candidate; nothing was replayed. */
  readonly refused: boolean;
  readonly findings: readonly Finding[];
  readonly replayed: number;
  readonly estimated: number;
  readonly skipped: number;
  readonly flips: number;
  readonly undecidable: number;
  readonly beyond: number;
  readonly flipGroups: readonly FlipGroup[];
  readonly undecidableGroups: readonly UndecidableGroup[];
}

const page = 1_000;
const mostCounts = 100_000;
const sliceMs = 2;

/** What applying some resources would have changed about recent decisions. Nothing is changed; checks go on meanwhile. */
export class Simulator {
  readonly #deps: SimulateDeps;
  #isRunning = false;

  constructor(deps: SimulateDeps) {
    this.#deps = deps;
  }

  /** Throws SIMULATION_BUSY while another one runs. */
  async simulate(request: SimulateRequest): Promise<Simulation> {
    if (this.#isRunning) throw decisionErrors.SIMULATION_BUSY({ retryAfterSeconds: 5 });
    this.#isRunning = true;
    try {
      return await this.#simulate(request);
    } finally {
      this.#isRunning = false;
    }
  }

  async #simulate(request: SimulateRequest): Promise<Simulation> {
    const { defaultNamespace, files } = request;
    const read = joinResults(files.map(({ file, text }) => parseResources(text, { file, defaultNamespace })));
    const tally = new SimulationTally();
    if (hasErrors(read.findings)) return reportOf(tally, read.findings, true);
    const active = this.#deps.policy();
    if (active === undefined) throw decisionErrors.SIMULATION_NOT_READY({ retryAfterSeconds: 1 });
    const { clock, stopwatch, settings } = this.#deps;
    const resources = applied(active.resources, read.resources);
    const candidate = await compileInSlices(resources, engineSettings(settings, resources), {
      clock,
      stopwatch,
      previous: active.snapshot,
      signal: request.signal,
    });
    await this.#replayAll(tally, { current: active.snapshot, candidate }, request);
    if (tally.flips > 0) await this.#countFlips(tally, request.since);
    return reportOf(tally, read.findings, false);
  }

  /** Samples say that something flips; counts say for how many requests. */
  async #countFlips(tally: SimulationTally, since: number): Promise<void> {
    for (const row of await this.#deps.traffic.list({ since, limit: mostCounts })) tally.count(row);
  }

  async #replayAll(tally: SimulationTally, sides: Sides, { since, signal }: SimulateRequest): Promise<void> {
    const { ring, clock, stopwatch } = this.#deps;
    const workloads = new Map<string, WorkloadFacts>();
    let sliceEnd = stopwatch() + sliceMs;
    for (let after = '0'; ; ) {
      const rows = await ring.list({ since, after, limit: page });
      for (const { body } of rows) {
        replayOne(tally, body, { sides, workloads });
        if (stopwatch() < sliceEnd) continue;
        await sleep(clock, 0, signal);
        sliceEnd = stopwatch() + sliceMs;
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < page) return;
      after = last.id;
    }
  }
}

interface Replaying {
  readonly sides: Sides;
  /** One object for each workload: snapshots remember by it what they work out. */
  readonly workloads: Map<string, WorkloadFacts>;
}

const mostWorkloads = 10_000;

function replayOne(tally: SimulationTally, body: string, { sides, workloads }: Replaying): void {
  let record: DecisionRecord;
  try {
    record = JSON.parse(body) as DecisionRecord;
  } catch {
    tally.skipped++;
    return;
  }
  if (record.request === undefined) {
    tally.skipped++;
    return;
  }
  const request = requestOf(record.request);
  const key = JSON.stringify(record.request.destination);
  const destination = workloads.get(key) ?? request.destination;
  if (workloads.size < mostWorkloads) workloads.set(key, destination);
  tally.add(record, replay(record, { ...request, destination }, sides));
}

/** The store as it would be: a document takes the place, and the age, of the one with its name. */
function applied(present: readonly AnyResource[], added: readonly AnyResource[]): readonly AnyResource[] {
  const all = new Map(present.map((resource) => [titleOf(resource), resource]));
  for (const resource of added) {
    const createdAt = resource.metadata.createdAt ?? all.get(titleOf(resource))?.metadata.createdAt;
    const metadata = { ...resource.metadata, createdAt };
    all.set(titleOf(resource), { ...resource, metadata } as AnyResource);
  }
  return [...all.values()];
}

function titleOf({ kind, metadata: { namespace, name } }: AnyResource): string {
  return `${kind}/${namespace}/${name}`;
}

function reportOf(tally: SimulationTally, findings: readonly Finding[], refused: boolean): Simulation {
  const { replayed, estimated, skipped, flips, undecidable, beyond } = tally;
  return {
    refused,
    findings,
    replayed,
    estimated,
    skipped,
    flips,
    undecidable,
    beyond,
    flipGroups: tally.flipGroups(),
    undecidableGroups: tally.undecidableGroups(),
  };
}
