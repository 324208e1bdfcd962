/** From the resource store to the policy in force. */
export { activePolicyOf, engineSettings, findMeshConfig, type PolicySettings } from './build.ts';
export { compileInSlices, type SliceOptions } from './compile-in-slices.ts';
export { PolicyFeed, type PolicyFeedOptions, type PolicyFeedStatus } from './policy-feed.ts';
export {
  type KeySetPlace,
  nameOf as keySetName,
  RequestKeys,
  type RequestKeysOptions,
} from './request-keys.ts';
export { readStored } from './resource-mirror.ts';
