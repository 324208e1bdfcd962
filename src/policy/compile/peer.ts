import type { PolicyRef } from '../decision.ts';
import type { MtlsMode, PeerAuthentication } from '../source.ts';
import { compareText } from './budget.ts';

/** One PeerAuthentication in its class (policy.md §1.2). */
export interface PeerRule {
  readonly ref: PolicyRef;
  readonly labels: readonly (readonly [string, string])[];
  readonly mode: MtlsMode;
  readonly portModes: ReadonlyMap<number, MtlsMode>;
}

/** The winners and losers of each class, oldest first. */
export interface PeerRules {
  readonly mesh: readonly PeerRule[];
  readonly byNamespace: ReadonlyMap<string, readonly PeerRule[]>;
  /** Those with a selector, by namespace. In the root namespace they are ignored. */
  readonly workloads: ReadonlyMap<string, readonly PeerRule[]>;
  readonly ignored: readonly PeerRule[];
}

export function compilePeerRules(resources: readonly PeerAuthentication[], rootNamespace: string): PeerRules {
  const mesh: PeerRule[] = [];
  const ignored: PeerRule[] = [];
  const byNamespace = new Map<string, PeerRule[]>();
  const workloads = new Map<string, PeerRule[]>();
  for (const resource of resources.toSorted(oldestFirst)) {
    const { namespace } = resource.metadata;
    const rule = readRule(resource);
    if (rule.labels.length === 0)
      if (namespace === rootNamespace) mesh.push(rule);
      else listAt(byNamespace, namespace).push(rule);
    else if (namespace === rootNamespace) ignored.push(rule);
    else listAt(workloads, namespace).push(rule);
  }
  return { mesh, byNamespace, workloads, ignored };
}

/** The oldest wins; one without an age is younger than any with; ties go by name, then namespace (D16, policy.md §1.2). */
function oldestFirst(a: PeerAuthentication, b: PeerAuthentication): number {
  const age = (a.metadata.createdAt ?? youngest) - (b.metadata.createdAt ?? youngest);
  return (
    age ||
    compareText(a.metadata.name, b.metadata.name) ||
    compareText(a.metadata.namespace, b.metadata.namespace)
  );
}

const youngest = Number.MAX_SAFE_INTEGER;

function readRule({ metadata, spec }: PeerAuthentication): PeerRule {
  return Object.freeze({
    ref: Object.freeze({ kind: 'PeerAuthentication', namespace: metadata.namespace, name: metadata.name }),
    labels: [...(spec.selector?.matchLabels ?? [])],
    mode: spec.mode,
    portModes: spec.portModes ?? noPorts,
  });
}

const noPorts: ReadonlyMap<number, MtlsMode> = new Map();

function listAt(lists: Map<string, PeerRule[]>, key: string): PeerRule[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}
