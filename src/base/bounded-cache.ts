interface Entry<V> {
  readonly value: V;
  readonly from: number;
  readonly until: number;
}

/**
 * A map that forgets: the least recently used beyond `capacity`, and anything outside its time. An entry read at an
 * instant before it was written is forgotten too, so a clock set back does not make it live longer.
 */
export class BoundedCache<V> {
  readonly #capacity: number;
  readonly #entries = new Map<string, Entry<V>>();
  #hits = 0;
  #misses = 0;
  #evictions = 0;

  constructor(capacity: number) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) throw new TypeError('capacity is at least 1');
    this.#capacity = capacity;
  }

  get stats(): {
    readonly size: number;
    readonly hits: number;
    readonly misses: number;
    readonly evictions: number;
  } {
    return { size: this.#entries.size, hits: this.#hits, misses: this.#misses, evictions: this.#evictions };
  }

  get(key: string, now: number): V | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      this.#entries.delete(key);
      if (now >= entry.from && now < entry.until) {
        this.#entries.set(key, entry);
        this.#hits++;
        return entry.value;
      }
    }
    this.#misses++;
    return undefined;
  }

  set(key: string, value: V, life: { readonly from: number; readonly until: number }): void {
    this.#entries.delete(key);
    if (life.until <= life.from) return;
    this.#entries.set(key, { value, ...life });
    if (this.#entries.size <= this.#capacity) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done) return;
    this.#entries.delete(oldest.value);
    this.#evictions++;
  }

  clear(): void {
    this.#entries.clear();
  }
}
