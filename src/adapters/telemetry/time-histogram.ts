interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** How many fell into each bucket, the last one being without a bound. */
  readonly counts: number[];
  sum: number;
}

export interface TimeHistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds in seconds, ascending. */
  readonly buckets: readonly number[];
}

/**
 * A histogram as the registry reads it at a scrape. Every request waits for its observation, and the library's own
 * looks its labels up by sorting and joining them anew each time.
 */
export class TimeHistogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #labels: readonly string[];
  readonly #buckets: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor({ name, help, labels, buckets }: TimeHistogramOptions) {
    this.name = name;
    this.help = help;
    this.#labels = labels;
    this.#buckets = buckets;
  }

  observe(labels: Readonly<Record<string, string>>, seconds: number): void {
    if (!Number.isFinite(seconds)) throw new TypeError(`${this.name}: not a time: ${seconds}`);
    const series = this.#of(labels);
    const buckets = this.#buckets;
    let bucket = 0;
    while (bucket < buckets.length && seconds > (buckets[bucket] as number)) bucket++;
    series.counts[bucket] = (series.counts[bucket] as number) + 1;
    series.sum += seconds;
  }

  reset(): void {
    this.#series.clear();
  }

  /** In the shape of the library: cumulated buckets, sum and count of each series. */
  async get() {
    return {
      name: this.name,
      help: this.help,
      type: this.type,
      aggregator: this.aggregator,
      values: [...this.#series.values()].flatMap((series) => this.#valuesOf(series)),
    };
  }

  #of(labels: Readonly<Record<string, string>>): Series {
    let key = '';
    for (const name of this.#labels) key += `${labels[name] ?? ''}\n`;
    let series = this.#series.get(key);
    if (series === undefined) {
      const unknown = Object.keys(labels).find((name) => !this.#labels.includes(name));
      if (unknown !== undefined) throw new TypeError(`${this.name} has no label ${unknown}`);
      series = { labels: { ...labels }, counts: Array<number>(this.#buckets.length + 1).fill(0), sum: 0 };
      this.#series.set(key, series);
    }
    return series;
  }

  #valuesOf({ labels, counts, sum }: Series) {
    let total = 0;
    const cumulated = counts.map((count, i) => {
      total += count;
      const le: number | string = this.#buckets[i] ?? '+Inf';
      return { metricName: `${this.name}_bucket`, labels: { ...labels, le }, value: total };
    });
    return [
      ...cumulated,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: total },
    ];
  }
}
