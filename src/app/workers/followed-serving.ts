import type { ServingMaterial } from '../../authority/index.ts';

/** The serving certificate of the server, as it tells it; in memory only. */
export class FollowedServing {
  readonly #listeners = new Set<(material: ServingMaterial) => void>();
  #material: ServingMaterial;

  constructor(material: ServingMaterial) {
    this.#material = material;
  }

  current(): ServingMaterial {
    return this.#material;
  }

  onChange(listener: (material: ServingMaterial) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  replace(material: ServingMaterial): void {
    this.#material = material;
    for (const listener of this.#listeners) listener(material);
  }
}
