/**
 * Work in slices (D24). The room has no clock: work is counted in units of about one rule, and whoever drives the steps
 * may stop them sooner by a clock of its own.
 */
export class Budget {
  readonly #unitsPerSlice: number;
  readonly #shouldPause: (() => boolean) | undefined;
  #spent = 0;
  #sinceAsked = 0;

  constructor(options: { readonly unitsPerSlice?: number; readonly shouldPause?: () => boolean }) {
    this.#unitsPerSlice = options.unitsPerSlice ?? 300;
    this.#shouldPause = options.shouldPause;
  }

  /** True when the slice is used up: yield now. */
  spend(units: number): boolean {
    this.#spent += units;
    this.#sinceAsked += units;
    if (this.#shouldPause !== undefined) {
      if (this.#sinceAsked < 16) return false;
      this.#sinceAsked = 0;
      return this.#shouldPause();
    }
    if (this.#spent < this.#unitsPerSlice) return false;
    this.#spent = 0;
    return true;
  }
}

export type Steps<T> = Generator<undefined, T, undefined>;

const runLength = 256;

/** A merge sort in slices; `compare` is a total order. Returns a new array. */
export function* sortSteps<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
  budget: Budget,
): Steps<readonly T[]> {
  if (items.length < 2) return items;
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += runLength) {
    runs.push(items.slice(at, at + runLength).sort(compare));
    if (budget.spend(runLength / 2)) yield undefined;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const [left = [], right] = [runs[i], runs[i + 1]];
      merged.push(right === undefined ? left : yield* mergeSteps(left, right, { compare, budget }));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergeSteps<T>(
  left: readonly T[],
  right: readonly T[],
  how: { readonly compare: (a: T, b: T) => number; readonly budget: Budget },
): Steps<T[]> {
  const merged: T[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length && r < right.length) {
    merged.push(how.compare(left[l] as T, right[r] as T) <= 0 ? (left[l++] as T) : (right[r++] as T));
    if ((merged.length & 63) === 0 && how.budget.spend(8)) yield undefined;
  }
  while (l < left.length) merged.push(left[l++] as T);
  while (r < right.length) merged.push(right[r++] as T);
  return merged;
}

/** Order of UTF-16 units: for the ASCII of names, the byte order of Envoy's ordered map. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
