import type { TrafficSum } from '../ports/index.ts';
import { pathShape } from './path-shape.ts';
import type { DecisionRecord } from './record.ts';
import type { Replayed } from './replay.ts';

/** Requests of one caller for one operation of one workload that would be decided otherwise. */
export interface FlipGroup {
  /** SPIFFE ID, or the address where there is none. */
  readonly caller: string;
  /** `namespace/name:port` */
  readonly callee: string;
  /** `GET /items/{id}`, or `tcp`. */
  readonly operation: string;
  readonly from: 'allow' | 'deny';
  readonly to: 'allow' | 'deny';
  readonly reason: string;
  readonly policyId?: string | undefined;
  readonly recorded: number;
  /** How many requests the records stand for. */
  readonly estimated: number;
  /** How many requests were decided so in the hours of the window: counted one by one, whatever was recorded. */
  readonly counted: number;
  /** A decision id to look at. */
  readonly example: string;
}

/** Records that cannot be decided again, and what is missing. */
export interface UndecidableGroup {
  readonly missing: string;
  readonly recorded: number;
  readonly estimated: number;
  readonly example: string;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const mostGroups = 1_000;

/** Counts what replaying brought, bounded in size. */
export class SimulationTally {
  replayed = 0;
  estimated = 0;
  /** Decided before any policy was looked at. */
  skipped = 0;
  flips = 0;
  undecidable = 0;
  /** Flips and undecidable records beyond the groups that are kept. */
  beyond = 0;
  readonly #flips = new Map<string, Writable<FlipGroup>>();
  readonly #byOperation = new Map<string, Writable<FlipGroup>[]>();
  readonly #undecidable = new Map<string, Writable<UndecidableGroup>>();

  add(record: DecisionRecord, result: Replayed): void {
    const { weight, id } = record;
    this.replayed++;
    this.estimated += weight;
    if (result.kind === 'flip') this.#addFlip(record, result);
    else if (result.kind === 'undecidable') {
      this.undecidable++;
      const { missing } = result;
      this.#count(this.#undecidable, missing, { missing, recorded: 0, estimated: 0, example: id }, weight);
    }
  }

  /** Requests of one caller for one operation; both groups of an operation that flips both ways get their own. */
  count({ caller, destination, port, method, path, allowed, denied }: TrafficSum): void {
    const operation = method === '' ? 'tcp' : `${method} ${path}`;
    for (const group of this.#byOperation.get(operationKey(caller, `${destination}:${port}`, operation)) ??
      [])
      group.counted += group.from === 'allow' ? allowed : denied;
  }

  flipGroups(): readonly FlipGroup[] {
    return [...this.#flips.values()].sort(byWeight);
  }

  undecidableGroups(): readonly UndecidableGroup[] {
    return [...this.#undecidable.values()].sort(byWeight);
  }

  #addFlip(record: DecisionRecord, { before, after }: Extract<Replayed, { kind: 'flip' }>): void {
    this.flips++;
    const group: FlipGroup = {
      caller: callerOf(record),
      callee: calleeOf(record),
      operation: operationOf(record),
      from: before.outcome,
      to: after.outcome,
      reason: after.reason,
      policyId: after.policyId ?? before.policyId,
      recorded: 0,
      estimated: 0,
      counted: 0,
      example: record.id,
    };
    const key = JSON.stringify([
      group.caller,
      group.callee,
      group.operation,
      group.to,
      group.reason,
      group.policyId,
    ]);
    const isNew = !this.#flips.has(key);
    this.#count(this.#flips, key, group, record.weight);
    const kept = this.#flips.get(key);
    if (!isNew || kept === undefined) return;
    const operation = operationKey(group.caller, group.callee, group.operation);
    const same = this.#byOperation.get(operation);
    if (same === undefined) this.#byOperation.set(operation, [kept]);
    else same.push(kept);
  }

  #count<G extends { recorded: number; estimated: number }>(
    groups: Map<string, G>,
    key: string,
    fresh: G,
    weight: number,
  ): void {
    let group = groups.get(key);
    if (group === undefined) {
      if (groups.size >= mostGroups) {
        this.beyond++;
        return;
      }
      group = { ...fresh };
      groups.set(key, group);
    }
    group.recorded++;
    group.estimated += weight;
  }
}

function operationKey(...parts: readonly [caller: string, callee: string, operation: string]): string {
  return JSON.stringify(parts);
}

function byWeight(a: { readonly estimated: number }, b: { readonly estimated: number }): number {
  return b.estimated - a.estimated;
}

function callerOf({ request }: DecisionRecord): string {
  return request?.peer ?? request?.remoteIp ?? request?.sourceIp ?? 'unknown';
}

function calleeOf({ request }: DecisionRecord): string {
  if (request === undefined) return 'unknown';
  const { namespace, name, serviceAccount } = request.destination;
  return `${namespace}/${name ?? serviceAccount ?? '?'}:${request.destinationPort}`;
}

function operationOf({ request }: DecisionRecord): string {
  return request?.http === undefined ? 'tcp' : `${request.http.method} ${pathShape(request.http.path)}`;
}
