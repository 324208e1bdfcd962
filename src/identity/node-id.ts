import { SpiffeId, type TrustDomain } from '../spiffe/index.ts';

/** How a node proves what it is. */
export const nodeMethods = ['join_token', 'x509pop', 'k8s_sat'] as const;
export type NodeMethod = (typeof nodeMethods)[number];

const prefix = '/castellan/agent/';

/** `spiffe://<td>/castellan/agent/<method>/<name>`; undefined when the name is not one path segment (D11). */
export function nodeId(trustDomain: TrustDomain, method: NodeMethod, name: string): SpiffeId | undefined {
  if (name === '' || name.includes('/')) return undefined;
  return SpiffeId.tryParse(`spiffe://${trustDomain}${prefix}${method}/${name}`);
}

/** True for the identities that node attestation makes, and only for those. */
export function isNodeId(id: SpiffeId, trustDomain: TrustDomain): boolean {
  return id.trustDomain === trustDomain && id.path.startsWith(prefix);
}
