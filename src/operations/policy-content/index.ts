/** Deciding elsewhere than where resources are kept: what workers and nodes are told, and how they follow it. */
export { type FollowedChange, FollowedResources } from './followed-resources.ts';
export { type DenyContent, FollowedDenyList, FollowedTrust, type TrustContent } from './followed-trust.ts';
export {
  type NodeContent,
  type NodeDecisionSettings,
  type NodeProvider,
  readNodeContent,
  writeNodeContent,
  writeResource,
} from './node-content.ts';
export { NodeKeySets, type NodeKeySetsOptions } from './node-key-sets.ts';
export { NodePolicy, type NodePolicyContent, type NodePolicyParts, storeRevisionOf } from './node-policy.ts';
export { PolicyRollout, type RolloutMember } from './policy-rollout.ts';
export { KeySetRelay, type RelayedKeySet } from './relayed-key-sets.ts';
