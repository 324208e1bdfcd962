import type { BundleReader, UninformedHolder } from './rotation/model.ts';

/** What a rotation must know of the world, gathered when it is needed. */
export interface RotationObserver {
  /** Everyone who reports which bundle is in force there. */
  readers(): Promise<readonly BundleReader[]>;
  /** Holders of certificates that live and were issued before `at`; latest end first, at most `limit`. */
  holdersIssuedBefore(at: number, limit: number): Promise<readonly UninformedHolder[]>;
  /** When the last living certificate ends that one of these signed; 0 when none lives. */
  lastEndSignedBy(authorityIds: readonly string[]): Promise<number>;
}

/** A world where nobody reports and nothing is on record: the longest lifetimes stand in for what is not known. */
export const noObserver: RotationObserver = {
  readers: async () => [],
  holdersIssuedBefore: async () => [],
  lastEndSignedBy: async () => Number.POSITIVE_INFINITY,
};
