import { hours, minutes } from '../base/duration.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import { type LeafProfile, leafProfile } from '../x509/index.ts';
import type { LifetimePolicy } from './lifetime.ts';

/** What leaves look like and how long they live. */
export interface LeafPolicy extends LifetimePolicy {
  /** D6: Istio says keyEncipherment for EC keys too; a setting may drop it. */
  readonly keyEnciphermentForEc: boolean;
}

/**
 * The profile of csr-api.md §1.9 for this policy. The longest validity counts the longest back-dating of a lifetime
 * that the policy allows (D5: just below an hour it is more than above) and the rounding to whole seconds.
 */
export function profileFor(
  trustDomain: TrustDomain,
  policy: LeafPolicy,
  allowOtherNames: boolean,
): LeafProfile {
  return leafProfile({
    trustDomain,
    maxLifetimeMs:
      policy.maximumLifetime + Math.max(minutes(2), Math.min(policy.maximumLifetime, hours(1)) / 10) + 1000,
    keyEnciphermentForEc: policy.keyEnciphermentForEc,
    allowOtherNames,
  });
}
