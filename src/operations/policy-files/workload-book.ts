import { nearestName } from '../../base/nearest.ts';
import {
  effectivePeerAuthentications,
  type PolicySnapshot,
  policiesFor,
  type WorkloadFacts,
} from '../../policy/index.ts';
import type { PolicyTestDefinition } from '../../policy/test/index.ts';
import type { ParseResult } from '../../resources/index.ts';
import { WorkloadDirectory } from '../check-request/index.ts';
import { type ManifestService, readServices, readWorkloads, selects } from './kubernetes.ts';

export interface BookedWorkload {
  readonly facts: WorkloadFacts;
  /** Where it is written. */
  readonly origin: string;
}

/** What a `--to` came to, with what had to be assumed or translated on the way, one sentence each. */
export interface Destination {
  readonly workload: WorkloadFacts;
  readonly origin: string | undefined;
  readonly port: number;
  /** What a client of the mesh would send as Host. */
  readonly host: string;
  readonly notes: readonly string[];
}

export type Lookup<T> =
  | { readonly ok: true; readonly found: T }
  | { readonly ok: false; readonly problem: string; readonly next: string };

interface Name {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly port: number | undefined;
}

/** The workloads that files tell of: WorkloadEntries, pods and what makes pods, and the workloads of PolicyTests. */
export class WorkloadBook {
  readonly workloads: readonly BookedWorkload[];
  readonly #services: readonly ManifestService[];

  readonly #snapshot: PolicySnapshot;

  constructor(
    snapshot: PolicySnapshot,
    result: ParseResult,
    { tests, defaultNamespace }: { tests: readonly PolicyTestDefinition[]; defaultNamespace: string },
  ) {
    this.#snapshot = snapshot;
    this.#services = readServices(result.skipped, defaultNamespace);
    const entries = [...new WorkloadDirectory(result.resources).all()].map(({ facts }) => ({
      facts,
      origin: `WorkloadEntry ${facts.namespace}/${facts.name ?? ''}`,
    }));
    const manifests = readWorkloads(result.skipped, this.#services, defaultNamespace);
    const tested = tests.flatMap(({ title, workloads }) =>
      [...workloads.values()].map((facts) => ({ facts, origin: `PolicyTest ${title}` })),
    );
    this.workloads = distinct([...entries, ...manifests, ...tested]);
  }

  /** `NAME`, `NAME.NAMESPACE` or `NAMESPACE/NAME`; a Service's name means the workload behind it. */
  find(text: string, namespace: string | undefined): Lookup<BookedWorkload> {
    const name = parseName(text);
    if (name === undefined) return unreadable(text);
    const wanted = { ...name, namespace: name.namespace ?? namespace };
    const found = this.#named(wanted);
    if (found.length === 1 && found[0] !== undefined) return { ok: true, found: found[0] };
    if (found.length > 1) return ambiguous(name.name, found);
    const nearest = this.#nearest(name.name);
    return {
      ok: false,
      problem: `no file tells of a workload \`${text}\``,
      next:
        nearest === undefined
          ? 'give the file with its WorkloadEntry, Deployment or Pod as well'
          : `did you mean ${nearest}?`,
    };
  }

  /**
   * Where a request goes: `WORKLOAD[:PORT]`. A workload that no file tells of is assumed to have the label `app` with its
   * name, or the labels given.
   */
  destination(
    text: string,
    how: { readonly namespace?: string | undefined; readonly labels?: ReadonlyMap<string, string> },
  ): Lookup<Destination> {
    const name = parseName(text);
    if (name === undefined) return unreadable(text);
    const wanted = { ...name, namespace: name.namespace ?? how.namespace };
    const found = how.labels === undefined ? this.#named(wanted) : [];
    if (found.length > 1) return ambiguous(name.name, found);
    const [known] = found;
    if (known === undefined)
      return { ok: true, found: assumed(wanted, how.labels, this.#nearest(name.name)) };
    const notes: string[] = [];
    const service = this.#services.find(
      (one) => one.name === name.name && one.namespace === known.facts.namespace,
    );
    const port = choosePort(known.facts, name.port, { service, notes });
    if (typeof port === 'string')
      return { ok: false, problem: port, next: `add the port: ${name.name}:PORT` };
    const host = `${service?.name ?? name.name}.${known.facts.namespace}.svc.cluster.local`;
    return { ok: true, found: { workload: known.facts, origin: known.origin, port, host, notes } };
  }

  #selection(facts: WorkloadFacts): string {
    return JSON.stringify([
      policiesFor(this.#snapshot, facts),
      effectivePeerAuthentications(this.#snapshot, facts),
    ]);
  }

  #nearest(name: string): string | undefined {
    return nearestName(
      name,
      this.workloads.map(({ facts }) => facts.name ?? ''),
    );
  }

  #named({ name, namespace }: Name): readonly BookedWorkload[] {
    const inScope = ({ facts }: BookedWorkload) => namespace === undefined || facts.namespace === namespace;
    const exact = this.workloads.filter((one) => one.facts.name === name && inScope(one));
    if (exact.length > 0) return exact;
    const services = this.#services.filter(
      (one) => one.name === name && (namespace === undefined || one.namespace === namespace),
    );
    return services.flatMap((service) => {
      const behind = this.workloads.filter(
        ({ facts }) => facts.namespace === service.namespace && selects(service, facts.labels),
      );
      // Several versions of one service are one where the policies make no difference between them.
      const said = new Set(behind.map(({ facts }) => this.#selection(facts)));
      return said.size === 1 ? behind.slice(0, 1) : behind;
    });
  }
}

/** A place where a workload is written twice (a test beside its manifest) is one workload: the first counts. */
function distinct(list: readonly BookedWorkload[]): readonly BookedWorkload[] {
  const byName = new Map<string, BookedWorkload>();
  for (const one of list) {
    const key = `${one.facts.namespace}/${one.facts.name ?? ''}`;
    if (!byName.has(key)) byName.set(key, one);
  }
  return [...byName.values()];
}

function parseName(text: string): Name | undefined {
  const match =
    /^(?:workload\/)?(?:(?<before>[a-z0-9-]+)\/)?(?<name>[A-Za-z0-9_-]+)(?:\.(?<after>[a-z0-9-]+)(?:\.svc(?:\.[a-z0-9.-]+)?)?)?(?::(?<port>[0-9]{1,5}))?$/.exec(
      text,
    );
  const groups = match?.groups;
  if (groups?.name === undefined) return undefined;
  const port = groups.port === undefined ? undefined : Number(groups.port);
  if (port !== undefined && (port < 1 || port > 65535)) return undefined;
  return { name: groups.name, namespace: groups.before ?? groups.after, port };
}

function unreadable(text: string): { ok: false; problem: string; next: string } {
  return {
    ok: false,
    problem: `\`${text}\` is not a workload`,
    next: 'write NAME, NAME.NAMESPACE or NAMESPACE/NAME, with :PORT where it matters',
  };
}

function ambiguous(
  name: string,
  found: readonly BookedWorkload[],
): { ok: false; problem: string; next: string } {
  const names = found.map(({ facts }) => `${facts.namespace}/${facts.name ?? ''}`);
  return {
    ok: false,
    problem: `\`${name}\` may be ${found.length} workloads: ${names.slice(0, 6).join(', ')}`,
    next: `name one of them, e.g. ${names[0] ?? ''}`,
  };
}

function assumed(
  { name, namespace = 'default', port = 80 }: Name,
  labels: ReadonlyMap<string, string> | undefined,
  nearest: string | undefined,
): Destination {
  const known = labels ?? new Map([['app', name]]);
  const workload: WorkloadFacts = Object.freeze({ namespace, name, labels: known });
  const said = [...known].map(([key, value]) => `${key}=${value}`).join(',');
  const notes =
    labels === undefined
      ? [
          `no file tells of ${name}: it is taken to be in ${namespace} with the label ${said} (--labels, -n)${nearest === undefined ? '' : `; did you mean ${nearest}?`}`,
        ]
      : [];
  return {
    workload,
    origin: undefined,
    port,
    host: `${name}.${namespace}.svc.cluster.local`,
    notes,
  };
}

/** Policies speak of the workload's own port; what names a Service's port is translated, and said. */
function choosePort(
  facts: WorkloadFacts,
  asked: number | undefined,
  { service, notes }: { readonly service: ManifestService | undefined; readonly notes: string[] },
): number | string {
  const declared = [...(facts.ports?.keys() ?? [])];
  if (asked !== undefined) {
    const behind = service?.ports.find(({ port }) => port === asked);
    if (behind === undefined || declared.includes(asked)) return asked;
    const target = typeof behind.target === 'number' ? behind.target : declared[0];
    if (target === undefined || target === asked) return asked;
    notes.push(
      `port ${asked} of Service ${service?.name ?? ''} is port ${target} of the workload, which policies speak of`,
    );
    return target;
  }
  const [only, ...others] = declared;
  if (only === undefined) return 80;
  return others.length === 0 ? only : `${facts.name ?? ''} has ports ${declared.join(', ')}`;
}
