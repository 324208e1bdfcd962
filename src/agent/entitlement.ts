import { formatSelector, isSuperset, type Selector } from '../spiffe/index.ts';
import type { AgentRegistration, NodeView } from './view.ts';

/** A registration that a workload came nearest to, and what it lacked. */
export interface NearMiss {
  readonly registration: AgentRegistration;
  readonly missing: readonly string[];
}

/**
 * The registrations of one view, found by what a workload shows. Each lies under the one of its selectors that is
 * rarest, so that a look-up touches few of them however many there are.
 */
export class Entitlements {
  readonly #bySelector = new Map<string, AgentRegistration[]>();
  readonly #all: readonly AgentRegistration[];

  constructor({ registrations, revocations }: Pick<NodeView, 'registrations' | 'revocations'>) {
    this.#all = registrations.filter(({ spiffeId }) => !revocations.deniedSpiffeIds.has(spiffeId.uri));
    const uses = new Map<string, number>();
    for (const { selectors } of this.#all)
      for (const selector of selectors) {
        const text = formatSelector(selector);
        uses.set(text, (uses.get(text) ?? 0) + 1);
      }
    for (const registration of this.#all) {
      const texts = registration.selectors.map(formatSelector);
      const rarest = texts.reduce((a, b) => ((uses.get(b) ?? 0) < (uses.get(a) ?? 0) ? b : a));
      const found = this.#bySelector.get(rarest);
      if (found === undefined) this.#bySelector.set(rarest, [registration]);
      else found.push(registration);
    }
  }

  get all(): readonly AgentRegistration[] {
    return this.#all;
  }

  /**
   * Those whose every selector the workload shows, by name: the first is the default identity (W-22). Of several that
   * make one identity the first counts.
   */
  of(selectors: readonly Selector[]): readonly AgentRegistration[] {
    const found = new Map<string, AgentRegistration>();
    const matching = selectors
      .flatMap((selector) => this.#bySelector.get(formatSelector(selector)) ?? [])
      .filter((registration) => isSuperset(selectors, registration.selectors))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const registration of matching)
      if (!found.has(registration.spiffeId.uri)) found.set(registration.spiffeId.uri, registration);
    return [...found.values()];
  }

  /** The one with the fewest missing selectors: what an operator most likely meant. */
  nearest(selectors: readonly Selector[]): NearMiss | undefined {
    const shown = new Set(selectors.map(formatSelector));
    let best: (NearMiss & { readonly shared: number }) | undefined;
    for (const registration of this.#all) {
      const missing = registration.selectors.map(formatSelector).filter((text) => !shown.has(text));
      const shared = registration.selectors.length - missing.length;
      const isNearer =
        best === undefined ||
        missing.length < best.missing.length ||
        (missing.length === best.missing.length && shared > best.shared);
      if (isNearer) best = { registration, missing, shared };
    }
    return best;
  }
}
