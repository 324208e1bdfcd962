import type { WorkloadRefusal } from './workload-access.ts';

/** The last refusals of this node, for `castellan explain`; older ones make room. */
export class RefusalRing {
  readonly #capacity: number;
  readonly #byId = new Map<string, WorkloadRefusal>();

  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  note(refusal: WorkloadRefusal): void {
    this.#byId.set(refusal.requestId, refusal);
    if (this.#byId.size <= this.#capacity) return;
    const oldest = this.#byId.keys().next();
    if (!oldest.done) this.#byId.delete(oldest.value);
  }

  find(requestId: string): WorkloadRefusal | undefined {
    return this.#byId.get(requestId);
  }
}
