import type {
  ReadyState,
  StateFeed,
  WorkloadAccess,
  WorkloadBundles,
  WorkloadSession,
} from '../../agent/index.ts';
import { type CastellanError, isCastellanError } from '../../base/errors.ts';
import type { Available } from './secret-source.ts';

/** Identities and bundles of one workload as they are now. Roots do not wait for certificates. */
export class AvailableFeed implements Disposable {
  readonly #identities: StateFeed<ReadyState>;
  readonly #bundles: StateFeed<WorkloadBundles>;
  #shown: ReadyState['identities'] = [];

  constructor(access: WorkloadAccess, session: WorkloadSession, onChange: () => void) {
    this.#identities = access.followIdentities(session, onChange);
    this.#bundles = access.followBundles(session, onChange);
  }

  /** Throws when the workload has no identity any more. `trouble`: why a certificate does not come. */
  current(): Available & { readonly trouble?: CastellanError } {
    const bundles = this.#bundles.current();
    try {
      const ready = this.#identities.current();
      if (ready !== undefined) this.#shown = ready.identities;
      return { identities: this.#shown, bundles, isComplete: ready !== undefined };
    } catch (error) {
      // Late is not gone: the stream stays, and what was shown is in use.
      if (!isCastellanError(error, 'SVID_NOT_READY')) throw error;
      return { identities: this.#shown, bundles, isComplete: false, trouble: error };
    }
  }

  [Symbol.dispose](): void {
    this.#identities[Symbol.dispose]();
    this.#bundles[Symbol.dispose]();
  }
}
