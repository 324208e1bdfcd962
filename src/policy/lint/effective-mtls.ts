/** Whether a policy's workloads can be reached without mutual TLS, as far as the texts say (policy.md 1.2). */
import type { MtlsMode, ResourceMetadata } from '../../resources/index.ts';
import type { LintContext, PeerTarget } from './context.ts';
import { areCompatible, hasLabels, labelsOf, type Selecting } from './scope.ts';

export type Guarantee =
  | { readonly isGuaranteed: true }
  | { readonly isGuaranteed: false; readonly because: string };

const guaranteed: Guarantee = { isGuaranteed: true };

/** True for the winner of two objects of one class: the oldest, then by name, then by namespace. */
export function comesFirst(a: ResourceMetadata, b: ResourceMetadata): boolean {
  const [x, y] = [a.createdAt ?? Number.POSITIVE_INFINITY, b.createdAt ?? Number.POSITIVE_INFINITY];
  if (x !== y) return x < y;
  return a.name === b.name ? a.namespace < b.namespace : a.name < b.name;
}

/** Of one class, the object that counts. */
export function winnerOf(targets: readonly PeerTarget[]): PeerTarget | undefined {
  let winner: PeerTarget | undefined;
  for (const target of targets)
    if (winner === undefined || comesFirst(target.resource.metadata, winner.resource.metadata))
      winner = target;
  return winner;
}

export function isWide({ resource }: PeerTarget): boolean {
  return labelsOf(resource).size === 0;
}

function inNamespace(context: LintContext, namespace: string): readonly PeerTarget[] {
  return context.peers.filter(({ resource }) => resource.metadata.namespace === namespace);
}

/** Mesh, then namespace: the mode of a workload that no object selects. */
function baseMode(context: LintContext, namespace: string): { mode: MtlsMode; by: PeerTarget | undefined } {
  const { rootNamespace } = context.mesh;
  const mesh = winnerOf(inNamespace(context, rootNamespace).filter(isWide));
  const own =
    namespace === rootNamespace ? undefined : winnerOf(inNamespace(context, namespace).filter(isWide));
  for (const by of [own, mesh])
    if (by !== undefined && by.resource.spec.mode !== 'UNSET') return { mode: by.resource.spec.mode, by };
  return { mode: 'PERMISSIVE', by: undefined };
}

export function guaranteesMtls(context: LintContext, policy: Selecting): Guarantee {
  const { rootNamespace } = context.mesh;
  const { namespace } = policy.metadata;
  if (namespace !== rootNamespace) return forNamespace(context, namespace, policy);
  const names = new Set([rootNamespace, ...context.peers.map(({ resource }) => resource.metadata.namespace)]);
  for (const name of names) {
    const answer = forNamespace(context, name, policy);
    if (!answer.isGuaranteed) return answer;
  }
  return guaranteed;
}

function forNamespace(context: LintContext, namespace: string, policy: Selecting): Guarantee {
  const base = baseMode(context, namespace);
  const wanted = labelsOf(policy);
  // A selector in the root namespace is ignored (policy.md 1.2 step 2).
  const selected =
    namespace === context.mesh.rootNamespace
      ? []
      : inNamespace(context, namespace).filter(
          (peer) => !isWide(peer) && areCompatible(labelsOf(peer.resource), wanted),
        );
  const weak = selected.find((peer) => weakness(peer, base.mode) !== undefined);
  if (weak !== undefined) return because(`${describe(weak)} makes it ${weakness(weak, base.mode)}`);
  if (base.mode === 'STRICT') return guaranteed;
  const covers = selected.some(
    (peer) => hasLabels(wanted, labelsOf(peer.resource)) && peer.resource.spec.mode === 'STRICT',
  );
  if (covers && wanted.size > 0) return guaranteed;
  if (base.by !== undefined) return because(`${describe(base.by)} makes it ${base.mode}`);
  return because(
    `no PeerAuthentication given here makes it STRICT ${namespace === context.mesh.rootNamespace ? 'in the mesh' : `in namespace ${namespace}`}`,
  );
}

/** What an object leaves open on some port; undefined when nothing. */
function weakness({ resource }: PeerTarget, base: MtlsMode): string | undefined {
  const mode = resource.spec.mode === 'UNSET' ? base : resource.spec.mode;
  if (mode !== 'STRICT' && resource.spec.mode !== 'UNSET') return mode;
  for (const [port, own] of resource.spec.portModes)
    if (own === 'PERMISSIVE' || own === 'DISABLE') return `${own} on port ${port}`;
  return undefined;
}

function because(text: string): Guarantee {
  return { isGuaranteed: false, because: text };
}

function describe({ resource }: PeerTarget): string {
  return `PeerAuthentication ${resource.metadata.namespace}/${resource.metadata.name}`;
}
