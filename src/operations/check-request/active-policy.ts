import type { PolicySnapshot } from '../../policy/index.ts';
import type { AnyResource, ExtensionProvider } from '../../resources/index.ts';
import type { WorkloadDirectory } from './workload-directory.ts';

/** Everything that decides, swapped as one reference: a check reads it once. */
export interface ActivePolicy {
  readonly snapshot: PolicySnapshot;
  /** What it was compiled from. */
  readonly resources: readonly AnyResource[];
  readonly workloads: WorkloadDirectory;
  /** How each CUSTOM provider is reached. */
  readonly providers: ReadonlyMap<string, ExtensionProvider>;
  /** False: nobody needs to be asked, no token needs to be looked for. */
  readonly hasCustom: boolean;
  readonly hasTokenRules: boolean;
  /** The store's revision that was compiled. */
  readonly storeRevision: bigint;
}
