/** One figure. `floor` is measured in the same run and in the same unit; `ratio` = value / floor. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly floor?: number;
  readonly ratio?: number;
  /** How it went over time, where one number would hide a bump. */
  readonly trace?: Trace;
}

export interface Trace {
  readonly everyMs: number;
  readonly values: readonly number[];
  /** What happened in the window of this index. */
  readonly events: Readonly<Record<number, string>>;
}

export interface BenchRow extends Figure {
  readonly bench: string;
}

/** A file in bench/suites exports `bench`. */
export type Bench = () => Promise<readonly Figure[]>;

/** A figure beside its floor. */
export function against(floor: number, figure: { name: string; value: number; unit: string }): Figure {
  return { ...figure, floor, ratio: figure.value / floor };
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** CPU microseconds (user + system) per call over `calls` calls of `run`, median of `rounds` rounds. */
export async function cpuPerCall(calls: number, run: (i: number) => unknown, rounds = 5): Promise<number> {
  const figures: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < calls; i++) await run(i);
    const used = process.cpuUsage(before);
    if (round > 0) figures.push((used.user + used.system) / calls);
  }
  return median(figures);
}
