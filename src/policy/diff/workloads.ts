import type { WorkloadFacts } from '../request.ts';
import type { PolicySnapshot } from '../snapshot.ts';
import { filler } from './texts.ts';

/** Beyond this many, selectors are only tried one by one. */
const maxPairs = 400;

/**
 * Workloads that stand for all: in every namespace that is spoken of (and one that is not), one without labels, one for
 * every selector and for every two that can hold at once; then what stands behind each target.
 */
export function workloadExamples(snapshots: readonly PolicySnapshot[]): readonly WorkloadFacts[] {
  const namespaces = new Set<string>([`${filler}-namespace`]);
  const selectors = new Map<string, ReadonlyMap<string, string>>();
  const targets = new Map<string, WorkloadFacts>();
  for (const { internals, settings } of snapshots) {
    namespaces.add(settings.rootNamespace);
    for (const { resource } of internals.entries.values()) {
      if (!('selector' in resource.spec) && !('targetRefs' in resource.spec)) continue;
      const { namespace } = resource.metadata;
      namespaces.add(namespace);
      const { selector, targetRefs = [] } = resource.spec as {
        readonly selector?: { readonly matchLabels: ReadonlyMap<string, string> };
        readonly targetRefs?: readonly { readonly kind: string; readonly name: string }[];
      };
      const labels = selector?.matchLabels;
      if (labels !== undefined && labels.size > 0) selectors.set(JSON.stringify([...labels]), labels);
      for (const { kind, name } of targetRefs)
        targets.set(`${namespace}/${kind}/${name}`, behindTarget(namespace, kind, name));
    }
  }
  const labelSets = [new Map<string, string>(), ...combinations([...selectors.values()])];
  const plain = [...namespaces].flatMap((namespace) =>
    labelSets.map((labels): WorkloadFacts => ({ namespace, labels })),
  );
  return [...plain, ...targets.values()];
}

function combinations(
  selectors: readonly ReadonlyMap<string, string>[],
): readonly ReadonlyMap<string, string>[] {
  const found = new Map(selectors.map((labels) => [keyOf(labels), labels]));
  let sets: readonly ReadonlyMap<string, string>[] = selectors;
  // Unions of unions, until there is nothing new or there are too many.
  while (sets.length > 0 && found.size < maxPairs) {
    const grown: ReadonlyMap<string, string>[] = [];
    for (const a of sets)
      for (const b of selectors) {
        const union = unite(a, b);
        if (union === undefined || found.has(keyOf(union)) || found.size >= maxPairs) continue;
        found.set(keyOf(union), union);
        grown.push(union);
      }
    sets = grown;
  }
  return [...found.values()];
}

function unite(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> | undefined {
  for (const [key, value] of b) if ((a.get(key) ?? value) !== value) return undefined;
  return new Map([...a, ...b]);
}

function keyOf(labels: ReadonlyMap<string, string>): string {
  return JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function behindTarget(namespace: string, kind: string, name: string): WorkloadFacts {
  const labels = new Map<string, string>();
  if (kind === 'Gateway') return { namespace, labels, proxy: 'gateway', gatewayName: name };
  const registry = kind === 'ServiceEntry' ? 'external' : 'kubernetes';
  const services = kind === 'GatewayClass' ? [] : [{ namespace, name, registry } as const];
  return { namespace, labels, proxy: 'waypoint', services };
}
