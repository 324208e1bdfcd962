import type { AuthzRequest, WorkloadFacts } from '../../policy/index.ts';
import type { DecidedCheck } from '../check-request/index.ts';
import { pathShape } from '../decisions/path-shape.ts';
import { hourMs, otherTraffic, otherTrafficKey, type TrafficRow } from '../ports/index.ts';

type Key = Omit<TrafficRow, 'hour' | 'node' | 'allowed' | 'denied' | 'lastAt'>;

interface Counted extends Key {
  allowed: number;
  denied: number;
  lastAt: number;
}

/** By method, then by the shape of the path. */
type Operations = Map<string, Map<string, Counted>>;
/** By caller, then by port and TLS as one number. */
type Callers = Map<string, Map<number, Operations>>;

const mostKeys = 10_000;
const mostTaken = 50_000;
const mostShapes = 4_096;
const tlsNumbers = { none: 0, 'one-way': 1, mutual: 2 } as const;

/**
 * Every decision, counted by (caller, workload, port, method, path shape, TLS). It costs a few look-ups: workloads are
 * the objects that snapshots keep, shapes of paths are remembered. Beyond its bound of keys all goes into one row.
 */
export class TrafficCounter {
  readonly #byFacts = new WeakMap<WorkloadFacts, Callers>();
  #byDestination = new Map<string, Callers>();
  #shapes = new Map<string, string>();
  #counted: Counted[] = [];
  /** What others counted and handed over, by its whole key. */
  #taken = new Map<string, TrafficRow>();
  /** Those of this hour. */
  #isKnown: WeakSet<Callers> = new WeakSet();
  #others: Counted | undefined;
  #beyond = 0;
  #hour: number | undefined;

  /** Requests that were counted without their key, for lack of room. */
  get beyond(): number {
    return this.#beyond;
  }

  count({ outcome: { request, decision }, at }: DecidedCheck): void {
    if (request === undefined) return;
    const row = this.#find(request);
    if (decision.outcome === 'allow') row.allowed++;
    else row.denied++;
    row.lastAt = at;
  }

  /** What another counter gave out. */
  add(rows: readonly TrafficRow[]): void {
    for (const row of rows) {
      const { hour, node, caller, destination, port, tls, method, path } = row;
      let kept = row;
      let key = JSON.stringify([hour, node, caller, destination, port, tls, method, path]);
      if (!this.#taken.has(key) && this.#taken.size >= mostTaken) {
        this.#beyond += row.allowed + row.denied;
        kept = { ...row, ...otherTrafficKey };
        key = JSON.stringify([hour, node, otherTraffic]);
      }
      const before = this.#taken.get(key);
      this.#taken.set(key, before === undefined ? kept : sumOf(before, kept));
    }
  }

  /** What was counted since the last time, and not yet given out. */
  take(now: number): readonly TrafficRow[] {
    const rows = [...this.#taken.values()];
    this.#taken = new Map();
    for (const one of this.#counted) {
      if (one.allowed + one.denied === 0) continue;
      rows.push({ ...one, hour: Math.floor(one.lastAt / hourMs) * hourMs, node: '' });
      one.allowed = 0;
      one.denied = 0;
    }
    // Keys live for an hour: that bounds them without keeping an order.
    const hour = Math.floor(now / hourMs);
    this.#hour ??= hour;
    if (hour !== this.#hour) this.#forget(hour);
    return rows;
  }

  #forget(hour: number): void {
    this.#hour = hour;
    this.#byDestination = new Map();
    this.#isKnown = new WeakSet();
    this.#counted = [];
    this.#others = undefined;
  }

  #find({ connection, destination, http }: AuthzRequest): Counted {
    const { peer, remoteIp, sourceIp, destinationPort, tls } = connection;
    const caller = peer?.uri ?? remoteIp?.text ?? sourceIp?.text ?? 'unknown';
    const place = destinationPort * 4 + tlsNumbers[tls];
    const method = http === undefined ? '' : http.method;
    const path = http === undefined ? '' : this.#shapeOf(http.path);
    const callers = this.#byFacts.get(destination);
    const known = callers !== undefined && this.#isKnown.has(callers);
    const found = known ? callers.get(caller)?.get(place)?.get(method)?.get(path) : undefined;
    return found ?? this.#make(destination, { caller, port: destinationPort, tls, method, path });
  }

  /** A row of its own while there is room: what nobody has room for leaves nothing behind here. */
  #make(facts: WorkloadFacts, { caller, port, tls, method, path }: Omit<Key, 'destination'>): Counted {
    const destination = destinationText(facts);
    const place = port * 4 + tlsNumbers[tls];
    // Another object may stand for the same workload since policies changed.
    const same = this.#byDestination.get(destination);
    const found = same?.get(caller)?.get(place)?.get(method)?.get(path);
    if (same !== undefined) this.#byFacts.set(facts, same);
    if (found !== undefined) return found;
    if (this.#counted.length >= mostKeys) return this.#other();
    const callers = child(this.#byDestination, destination);
    this.#isKnown.add(callers);
    this.#byFacts.set(facts, callers);
    const row = { caller, destination, port, tls, method, path, allowed: 0, denied: 0, lastAt: 0 };
    this.#counted.push(row);
    child(child(child(callers, caller), place), method).set(path, row);
    return row;
  }

  #other(): Counted {
    this.#beyond++;
    if (this.#others === undefined) {
      this.#others = { ...otherTrafficKey, allowed: 0, denied: 0, lastAt: 0 };
      this.#counted.push(this.#others);
    }
    return this.#others;
  }

  #shapeOf(path: string): string {
    let shape = this.#shapes.get(path);
    if (shape === undefined) {
      shape = pathShape(path);
      if (this.#shapes.size >= mostShapes) this.#shapes = new Map();
      if (path.length <= longestRemembered) this.#shapes.set(path, shape);
    }
    return shape;
  }
}

const longestRemembered = 512;

function sumOf(a: TrafficRow, b: TrafficRow): TrafficRow {
  return {
    ...a,
    allowed: a.allowed + b.allowed,
    denied: a.denied + b.denied,
    lastAt: Math.max(a.lastAt, b.lastAt),
  };
}

function destinationText({ namespace, name, serviceAccount }: WorkloadFacts): string {
  return `${namespace}/${name ?? serviceAccount ?? '?'}`;
}

function child<K, K2, V>(map: Map<K, Map<K2, V>>, key: K): Map<K2, V> {
  let found = map.get(key);
  if (found === undefined) {
    found = new Map();
    map.set(key, found);
  }
  return found;
}
