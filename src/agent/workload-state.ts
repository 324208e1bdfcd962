import type { TrustDomain } from '../spiffe/index.ts';
import type { WorkloadSvid } from './svid-keeper.ts';
import type { AgentBundle, AgentRegistration, NodeView } from './view.ts';

/** One identity of a workload, with its certificate. */
export interface OfferedIdentity {
  readonly svid: WorkloadSvid;
  readonly hint: string;
}

/** The bundles that a workload may verify peers with. */
export interface WorkloadBundles {
  readonly own: AgentBundle;
  /** Of the domains that its identities federate with, by name. */
  readonly federated: readonly AgentBundle[];
}

/** All that one workload may have at one moment. Workloads with the same registrations share the object. */
export interface ReadyState {
  readonly kind: 'ready';
  /** The default identity first. */
  readonly identities: readonly OfferedIdentity[];
  readonly bundles: WorkloadBundles;
}

export type WorkloadState =
  | ReadyState
  /** The server has not been heard yet. */
  | { readonly kind: 'unknown' }
  /** Nothing is registered for it. */
  | { readonly kind: 'none' }
  /** Registered, but a certificate is missing. `partial` is what there is, unless the default identity lacks. */
  | {
      readonly kind: 'pending';
      readonly partial: ReadyState | undefined;
      readonly bundles: WorkloadBundles;
    };

export const unknownState: WorkloadState = Object.freeze({ kind: 'unknown' });
export const noneState: WorkloadState = Object.freeze({ kind: 'none' });

/** What these registrations come to, with the certificates there are. */
export function stateOf(
  view: NodeView,
  registrations: readonly AgentRegistration[],
  svidOf: (spiffeId: string) => WorkloadSvid | undefined,
): WorkloadState {
  const [first] = registrations;
  const own = view.bundles.get(view.trustDomain);
  if (first === undefined || own === undefined) return noneState;
  const bundles = Object.freeze({ own, federated: Object.freeze(federatedBundles(view, registrations)) });
  const identities: OfferedIdentity[] = [];
  const hints = new Set<string>();
  for (const { spiffeId, hint } of registrations) {
    const svid = svidOf(spiffeId.uri);
    if (svid === undefined) continue;
    // W-12: a hint is unique within one answer; a client would take the first, so the others go without.
    identities.push(Object.freeze({ svid, hint: hints.has(hint) ? '' : hint }));
    hints.add(hint);
  }
  const ready: ReadyState = Object.freeze({ kind: 'ready', identities: Object.freeze(identities), bundles });
  if (identities.length === registrations.length) return ready;
  const partial = svidOf(first.spiffeId.uri) === undefined ? undefined : ready;
  return Object.freeze({ kind: 'pending', partial, bundles });
}

function federatedBundles(view: NodeView, registrations: readonly AgentRegistration[]): AgentBundle[] {
  const names = new Set<TrustDomain>(registrations.flatMap(({ federatesWith }) => federatesWith));
  names.delete(view.trustDomain);
  return [...names].sort().flatMap((name) => view.bundles.get(name) ?? []);
}
