import type { PolicyTargetRef, ResourceMetadata, WorkloadSelector } from '../../resources/index.ts';

/** What a policy is about, as far as its text says. */
export interface Selecting {
  readonly metadata: ResourceMetadata;
  readonly spec: {
    readonly selector: WorkloadSelector | undefined;
    readonly targetRefs?: readonly PolicyTargetRef[];
  };
}

type Labels = ReadonlyMap<string, string>;
const noLabels: Labels = new Map();

export function labelsOf(policy: Selecting): Labels {
  return policy.spec.selector?.matchLabels ?? noLabels;
}

/** True when every label wanted is there. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  for (const [key, value] of wanted) if (labels.get(key) !== value) return false;
  return true;
}

/** True when some workload could carry both. */
export function areCompatible(a: Labels, b: Labels): boolean {
  for (const [key, value] of a) if (b.has(key) && b.get(key) !== value) return false;
  return true;
}

export function isWholeNamespace(policy: Selecting): boolean {
  return labelsOf(policy).size === 0 && (policy.spec.targetRefs ?? []).length === 0;
}

/** True when whatever `narrow` is about, `wide` is about too. */
export function coversScope(wide: Selecting, narrow: Selecting, rootNamespace: string): boolean {
  const inReach =
    wide.metadata.namespace === rootNamespace || wide.metadata.namespace === narrow.metadata.namespace;
  if (!inReach) return false;
  const refs = wide.spec.targetRefs ?? [];
  const wanted = narrow.spec.targetRefs ?? [];
  if (refs.length === 0 && wanted.length === 0) return hasLabels(labelsOf(narrow), labelsOf(wide));
  // A policy with targets is for gateways and waypoints, one without for workloads: strangers.
  return (
    refs.length > 0 && wanted.length > 0 && wanted.every((ref) => refs.some((other) => isSameRef(ref, other)))
  );
}

function isSameRef(a: PolicyTargetRef, b: PolicyTargetRef): boolean {
  return a.group === b.group && a.kind === b.kind && a.name === b.name;
}

/** True when some workload could be under both. */
export function scopesMeet(a: Selecting, b: Selecting, rootNamespace: string): boolean {
  const [one, other] = [a.metadata.namespace, b.metadata.namespace];
  if (one !== other && one !== rootNamespace && other !== rootNamespace) return false;
  const refs = a.spec.targetRefs ?? [];
  const others = b.spec.targetRefs ?? [];
  if (refs.length > 0 && others.length > 0)
    return refs.some((ref) => others.some((it) => isSameRef(ref, it)));
  // With targets on one side only, the text alone does not say: give it the benefit of the doubt.
  if (refs.length > 0 || others.length > 0) return true;
  return areCompatible(labelsOf(a), labelsOf(b));
}

/** `in the whole mesh`, `in namespace shop`, `for app=cart in namespace shop`: scope in words. */
export function describeScope(policy: Selecting, rootNamespace: string): string {
  const { namespace } = policy.metadata;
  const where = namespace === rootNamespace ? 'in the whole mesh' : `in namespace ${namespace}`;
  const [ref] = policy.spec.targetRefs ?? [];
  if (ref !== undefined) return `at ${ref.kind} ${ref.name} ${where}`;
  const labels = [...labelsOf(policy)].map(([key, value]) => `${key}=${value}`).join(', ');
  return labels === '' ? where : `for ${labels} ${where}`;
}
