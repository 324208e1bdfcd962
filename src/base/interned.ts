/**
 * One value for each text that comes again and again, such as the identities of callers. When it is full it forgets
 * everything and begins anew, so a flood of texts costs time and never memory.
 */
export class Interned<V> {
  readonly #capacity: number;
  readonly #make: (text: string) => V;
  readonly #values = new Map<string, V>();

  constructor(capacity: number, make: (text: string) => V) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) throw new TypeError('capacity is at least 1');
    this.#capacity = capacity;
    this.#make = make;
  }

  get size(): number {
    return this.#values.size;
  }

  /** Made once, as long as it is remembered; what `make` throws is not. */
  of(text: string): V {
    const known = this.#values.get(text);
    if (known !== undefined) return known;
    const value = this.#make(text);
    if (this.#values.size >= this.#capacity) this.#values.clear();
    this.#values.set(text, value);
    return value;
  }
}
