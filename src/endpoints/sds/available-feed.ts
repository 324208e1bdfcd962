import type { ReadyState, WorkloadAccess, WorkloadFeeds, WorkloadSession } from '../../agent/index.ts';
import { type CastellanError, isCastellanError } from '../../base/errors.ts';
import type { Available } from './secret-source.ts';

/** Identities and bundles of one workload as they are now. Roots do not wait for certificates. */
export class AvailableFeed implements Disposable {
  readonly #feeds: WorkloadFeeds;
  #shown: ReadyState['identities'] = [];

  constructor(access: WorkloadAccess, session: WorkloadSession, onChange: () => void) {
    this.#feeds = access.followAll(session, onChange);
  }

  /** Throws when the workload has no identity any more. `trouble`: why a certificate does not come. */
  current(): Available & { readonly trouble?: CastellanError } {
    const bundles = this.#feeds.bundles.current();
    try {
      const ready = this.#feeds.identities.current();
      if (ready !== undefined) this.#shown = ready.identities;
      return { identities: this.#shown, bundles, isComplete: ready !== undefined };
    } catch (error) {
      // Late is not gone: the stream stays, and what was shown is in use.
      if (!isCastellanError(error, 'SVID_NOT_READY')) throw error;
      return { identities: this.#shown, bundles, isComplete: false, trouble: error };
    }
  }

  [Symbol.dispose](): void {
    this.#feeds.bundles[Symbol.dispose]();
    this.#feeds.identities[Symbol.dispose]();
  }
}
