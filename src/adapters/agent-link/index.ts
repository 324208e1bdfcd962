export { attestation, type NodeEvidence } from './attest.ts';
export { type ServerAddress, ServerChannel } from './channel.ts';
export { fetchPinnedRoots } from './first-trust.ts';
export { serverLink } from './link.ts';
export { type DecisionShipper, decisionShipper } from './ship-decisions.ts';
