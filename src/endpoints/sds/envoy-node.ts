import type { Node } from '../../wire/gen/envoy/config/core/v3/node_pb.js';

/** What an Envoy said of itself in its first request. */
export interface EnvoyNode {
  readonly id: string;
  /** It knows the SPIFFE validator (1.18) and has not been told to do without. */
  readonly hasSpiffeValidator: boolean;
}

export const unknownNode: EnvoyNode = Object.freeze({ id: '', hasSpiffeValidator: true });

const maxShownId = 128;

export function readEnvoyNode(node: Node): EnvoyNode {
  return Object.freeze({
    id: node.id.slice(0, maxShownId).replace(/[^\x20-\x7e]/g, '?'),
    hasSpiffeValidator: isRecent(node) && !isSwitchedOff(node.metadata?.disable_spiffe_cert_validation),
  });
}

function isRecent({ userAgentVersionType }: Node): boolean {
  if (userAgentVersionType.case !== 'userAgentBuildVersion') return true;
  const version = userAgentVersionType.value.version;
  if (version === undefined) return true;
  return version.majorNumber > 1 || (version.majorNumber === 1 && version.minorNumber >= 18);
}

/** As SPIRE reads it: `true`, also as text. */
const isSwitchedOff = (value: unknown) => value === true || value === 'true';
