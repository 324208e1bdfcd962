export { VerifiedTokenCache, type VerifiedTokenCacheOptions } from './cache.ts';
export { type CompactLimits, peekJwt, type UnverifiedJwt } from './compact.ts';
export { jwtErrors } from './errors.ts';
export { isJsonObject, type JsonObject, type JsonValue, parseJsonObjectText } from './json.ts';
export type { VerificationKey } from './key.ts';
export { type KeySet, type KeySetRules, keySetFromJwks, parseKeySet } from './key-set.ts';
export {
  fixedKeySet,
  type KeySetFetcher,
  KeySetKeeper,
  type KeySetKeeperOptions,
  type KeySetSource,
  type KeySetStatus,
  type KidRefresh,
} from './key-set-keeper.ts';
export { type JwtSigner, type JwtSvidAlgorithm, type JwtSvidClaims, mintJwtSvid } from './mint.ts';
export { callerProfile, type JwtProfile, jwtSvidProfile, requestProfile } from './profile.ts';
export { describeJwtReason, type JwtReason, type RejectedJwt } from './reasons.ts';
export { type VerifiedJwt, verifyJwt } from './verify.ts';
