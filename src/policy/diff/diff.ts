import { parseIp } from '../../base/ip.ts';
import type { Decision } from '../decision.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import type { AuthzRequest, WorkloadFacts } from '../request.ts';
import type { PolicySnapshot } from '../snapshot.ts';
import { viewOf } from '../workload-view.ts';
import { changedRules } from './changed.ts';
import { describeCube, type Who } from './describe.ts';
import { type Cube, cubesOf, Diagram, DiagramTooLarge, type NodeId, never } from './diagram.ts';
import { OutcomeBuilder } from './outcome.ts';
import { connection, preflight, readSide, type Side, token, type VariableName } from './sides.ts';
import { makeVariable, type Variable } from './variables.ts';
import { workloadExamples } from './workloads.ts';

export interface DiffOptions {
  /** Whose policies to compare; default: one for every selection that the policies can make. */
  readonly workloads?: readonly WorkloadFacts[];
  /** Entries per workload and direction, the last of which stands for all others; default 50. */
  readonly maxEntries?: number;
  /** Nodes of the decision diagram per workload; default 200,000. Beyond it the workload is not compared. */
  readonly maxNodes?: number;
}

/** Requests to one workload that the change lets in, or shuts out. */
export interface DiffEntry {
  readonly change: 'gained' | 'lost';
  readonly workload: WorkloadFacts;
  /**
   * What the requests have in common: names of their parts, and the examples that belong. Other parts may be anything.
   * Empty for the last entry of a direction that has more groups than are listed: it stands for all the others.
   */
  readonly who: Who;
  /** One of them. Both decisions were made by `evaluate`. */
  readonly example: AuthzRequest;
  readonly before: Decision;
  readonly after: Decision;
}

export interface SnapshotDiff {
  readonly before: string;
  readonly after: string;
  readonly entries: readonly DiffEntry[];
  /** True when every request that is decided differently falls under an entry. */
  readonly isComplete: boolean;
  /** What was left out, one sentence each. */
  readonly gaps: readonly string[];
  /** The entry that a request falls under. */
  readonly entryFor: (request: AuthzRequest) => DiffEntry | undefined;
}

/**
 * Who gains and who loses between two snapshots. Each part of a request is split into the classes that the policies can
 * tell apart; both outcomes become decision diagrams over these, and their difference is read off. Each entry is proved by
 * `evaluate` on its example.
 */
export function diffSnapshots(
  before: PolicySnapshot,
  after: PolicySnapshot,
  options: DiffOptions = {},
): SnapshotDiff {
  const workloads = distinctWorkloads(before, after, options.workloads ?? workloadExamples([before, after]));
  const comparisons = [...workloads].map(([key, workload]) => ({
    key,
    ...compareWorkload([before, after], workload, options),
  }));
  const byWorkload = new Map(comparisons.map((comparison) => [comparison.key, comparison]));
  const gaps = comparisons.flatMap((comparison) => comparison.gaps);
  return {
    before: before.revision,
    after: after.revision,
    entries: comparisons.flatMap(({ entries }) => entries.map(({ entry }) => entry)),
    isComplete: gaps.length === 0,
    gaps,
    entryFor: (request) =>
      byWorkload.get(selectionKey([before, after], request.destination))?.entryFor(request),
  };
}

interface Comparison {
  readonly entries: readonly FoundEntry[];
  readonly gaps: readonly string[];
  readonly entryFor: (request: AuthzRequest) => DiffEntry | undefined;
}

interface FoundEntry {
  readonly entry: DiffEntry;
  /** Whether a request of these classes is among its requests. */
  readonly holds: (classes: readonly (number | undefined)[]) => boolean;
}

/** One workload for each way in which both snapshots select policies, where they do not select the same. */
function distinctWorkloads(
  before: PolicySnapshot,
  after: PolicySnapshot,
  candidates: readonly WorkloadFacts[],
): ReadonlyMap<string, WorkloadFacts> {
  const found = new Map<string, WorkloadFacts>();
  const hasSameSettings = before.internals.settingsText === after.internals.settingsText;
  for (const workload of candidates) {
    if (hasSameSettings && selectedBy(before, workload) === selectedBy(after, workload)) continue;
    const key = selectionKey([before, after], workload);
    if (!found.has(key)) found.set(key, workload);
  }
  return found;
}

function selectionKey(snapshots: readonly PolicySnapshot[], workload: WorkloadFacts): string {
  return JSON.stringify([
    snapshots.map((snapshot) => selectedBy(snapshot, workload)),
    workload.proxy ?? 'sidecar',
  ]);
}

/** The content of all that has a say about a workload. */
function selectedBy(snapshot: PolicySnapshot, workload: WorkloadFacts): string {
  const { groups, tokenRules, mtls } = viewOf(snapshot, workload);
  return JSON.stringify([
    groups.flatMap(({ policies }) => policies.map(({ idPrefix, hash }) => idPrefix + hash)),
    tokenRules.map(({ ref }) => [ref.id, ref.spec]),
    [mtls.mode, ...mtls.ports],
  ]);
}

function compareWorkload(
  snapshots: readonly [PolicySnapshot, PolicySnapshot],
  workload: WorkloadFacts,
  options: DiffOptions,
): Comparison {
  const sides = snapshots.map((snapshot) => readSide(snapshot, workload));
  const base = baseRequest(workload);
  try {
    const changed = changedRules(sides);
    const variables = variablesOf(sides).map((name) => makeVariable(name, sides, base, changed));
    return readDifferences({ snapshots, sides, variables, base, options });
  } catch (error) {
    if (!(error instanceof DiagramTooLarge)) throw error;
    return {
      entries: [],
      entryFor: () => undefined,
      gaps: [`${describe(workload)}: its policies are too many to compare`],
    };
  }
}

interface Comparing {
  readonly snapshots: readonly [PolicySnapshot, PolicySnapshot];
  readonly sides: readonly Side[];
  readonly variables: readonly Variable[];
  readonly base: AuthzRequest;
  readonly options: DiffOptions;
}

function readDifferences({ snapshots, sides, variables, base, options }: Comparing): Comparison {
  const diagram = new Diagram(options.maxNodes ?? 200_000);
  const [was = never, is = never] = sides.map((side, at) =>
    new OutcomeBuilder(diagram, side, at, variables).allowed(),
  );
  const limit = options.maxEntries ?? 50;
  const gaps = variables
    .filter(({ isComplete }) => !isComplete)
    .map(({ name }) => `${describe(base.destination)}: ${name} has too many values to try all`);
  const collect = (change: DiffEntry['change'], root: NodeId): readonly FoundEntry[] => {
    const { cubes, isComplete } = cubesOf(diagram, root, limit);
    return cubes.flatMap((cube, i): readonly FoundEntry[] => {
      const entry = proveEntry(change, cube, { snapshots, variables, base });
      if (entry === undefined) return [];
      if (isComplete || i < cubes.length - 1) return [{ entry, holds: (classes) => isIn(cube, classes) }];
      return [{ entry: { ...entry, who: {} }, holds: (classes) => isAt(diagram, root, classes) }];
    });
  };
  const entries = [
    ...collect('gained', diagram.and(diagram.not(was), is)),
    ...collect('lost', diagram.and(was, diagram.not(is))),
  ];
  return { entries, gaps, entryFor: (request) => findEntry(entries, variables, request) };
}

function isIn(cube: Cube, classes: readonly (number | undefined)[]): boolean {
  return [...cube].every(([index, values]) => {
    const value = classes[index];
    return value !== undefined && values.includes(value);
  });
}

function isAt(diagram: Diagram, root: NodeId, classes: readonly (number | undefined)[]): boolean {
  return diagram.at(
    root,
    classes.map((value) => value ?? -1),
  );
}

/** The order matters for size: what most rules speak of comes first. */
function variablesOf(sides: readonly Side[]): readonly VariableName[] {
  const names = new Set<VariableName>([connection, 'path', 'method', 'authority']);
  const hasTokens = sides.some(({ view }) => view.tokenRules.length > 0);
  if (hasTokens) names.add(token).add(preflight);
  for (const side of sides) {
    for (const { name } of side.view.custom) names.add(`custom ${name}`);
    for (const name of side.clauses.keys()) names.add(name);
  }
  return [...names];
}

/** Tries members of the cube until one is decided as the diagram says; a cube without one is not claimed. */
function proveEntry(
  change: DiffEntry['change'],
  cube: Cube,
  { snapshots, variables, base }: Pick<Comparing, 'snapshots' | 'variables' | 'base'>,
): DiffEntry | undefined {
  for (const turn of [0, 1, 2]) {
    const example = exampleOf(cube, variables, base, turn);
    const [before, after] = [evaluate(snapshots[0], example), evaluate(snapshots[1], example)];
    const wanted = change === 'gained' ? 'allow' : 'deny';
    if (after.outcome === wanted && before.outcome !== wanted)
      return {
        change,
        workload: base.destination,
        who: describeCube(cube, variables),
        example,
        before,
        after,
      };
  }
  return undefined;
}

function exampleOf(
  cube: Cube,
  variables: readonly Variable[],
  base: AuthzRequest,
  turn: number,
): AuthzRequest {
  let request = base;
  // The connection comes last: it may take the HTTP part away.
  for (const [index, variable] of [...variables.entries()].reverse()) {
    const values = cube.get(index) ?? [0];
    const examples = variable.classes[values[turn % values.length] ?? 0] ?? [];
    request = examples[turn % Math.max(1, examples.length)]?.apply(request) ?? request;
  }
  return request;
}

function findEntry(
  entries: readonly FoundEntry[],
  variables: readonly Variable[],
  request: AuthzRequest,
): DiffEntry | undefined {
  const classes = variables.map((variable) => variable.classOf(request));
  return entries.find(({ holds }) => holds(classes))?.entry;
}

/** Neutral in every part; each variable puts its own value in. */
function baseRequest(destination: WorkloadFacts): AuthzRequest {
  return {
    connection: {
      tls: 'none',
      sourceIp: parseIp('203.0.113.77'),
      remoteIp: parseIp('203.0.113.77'),
      destinationIp: parseIp('203.0.113.77'),
      destinationPort: 1,
    },
    http: { method: 'GET', authority: 'zq.example', path: '/zq', scheme: 'https', headers: new Map() },
    tokens: [],
    destination,
  };
}

function describe({ namespace, labels, name }: WorkloadFacts): string {
  const text = [...labels].map(([key, value]) => `${key}=${value}`).join(',');
  return `workload ${namespace}/${name ?? (text === '' ? '*' : text)}`;
}
