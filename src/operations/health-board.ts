/** Whether each named service is served now, and word to whoever watches when that changes. */
export class HealthBoard {
  readonly #serving = new Map<string, boolean>();
  readonly #listeners = new Set<(service: string, serving: boolean) => void>();

  constructor(services: readonly string[]) {
    for (const service of services) this.#serving.set(service, false);
  }

  services(): readonly string[] {
    return [...this.#serving.keys()];
  }

  /** Undefined for a service that nobody serves here. */
  isServing(service: string): boolean | undefined {
    return this.#serving.get(service);
  }

  /** All services share the fate of the process: one signer, one store. */
  setAll(serving: boolean): void {
    for (const [service, before] of this.#serving) {
      if (before === serving) continue;
      this.#serving.set(service, serving);
      for (const listener of this.#listeners) listener(service, serving);
    }
  }

  watch(listener: (service: string, serving: boolean) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}
