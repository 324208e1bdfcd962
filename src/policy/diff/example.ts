import type { AuthzRequest } from '../request.ts';

/** A value of a variable: how to give it to a request, and how to say it. */
export interface Example {
  readonly label: string;
  /** What it consists of, when it is more than one thing: said one by one instead of the label. */
  readonly parts?: Readonly<Record<string, string>>;
  /** Another way to write what another example has: not said while there is one that is plain. */
  readonly isSpelling?: boolean;
  readonly apply: (request: AuthzRequest) => AuthzRequest;
}

export interface Examples {
  readonly examples: readonly Example[];
  /** False when there would have been too many. */
  readonly isComplete: boolean;
}

/** Each alone, each two, and all together: what `any of` and `all of` can tell apart, up to two values at once. */
export function listsOf<T>(values: readonly T[]): readonly (readonly T[])[] {
  const few = values.slice(0, maxInPairs);
  return [...values.map((value) => [value]), ...few.flatMap((a) => few.map((b) => [a, b])), values];
}

const maxInPairs = 16;
