import type { SpiffeId } from '../spiffe/index.ts';
import type { Evidence } from './evidence.ts';
import type { NodeMethod } from './node-id.ts';

/** What an agent shows to prove its node. Nothing in it is believed yet. */
export type NodeEvidence =
  | { readonly method: 'join_token'; readonly token: string }
  /** Leaf first, DER. */
  | { readonly method: 'x509pop'; readonly chainDer: readonly Uint8Array[] }
  | { readonly method: 'k8s_sat'; readonly token: string };

/** One attestation as it goes on. */
export interface NodeAttestationCall {
  /** Connection and headers of the call; its certificate is never node evidence (D12). */
  readonly evidence: Evidence;
  readonly csrDer: Uint8Array;
  /** Sends a fresh nonce and gives what the agent answered. */
  readonly challenge: (nonce: Uint8Array) => Promise<Uint8Array>;
  readonly signal: AbortSignal;
}

export type NodeAttestation =
  | { readonly outcome: 'accepted'; readonly id: SpiffeId; readonly selectors: readonly string[] }
  | { readonly outcome: 'rejected' | 'unavailable'; readonly reason: string; readonly detail: string };

/** One way to prove what a node is. */
export interface NodeAttestor<M extends NodeMethod> {
  readonly method: M;
  attest(shown: Extract<NodeEvidence, { method: M }>, call: NodeAttestationCall): Promise<NodeAttestation>;
}

export type AnyNodeAttestor = { readonly [M in NodeMethod]: NodeAttestor<M> }[NodeMethod];

export const rejectNode = (reason: string, detail: string): NodeAttestation => ({
  outcome: 'rejected',
  reason,
  detail,
});
