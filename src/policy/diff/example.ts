import type { AuthzRequest } from '../request.ts';

/** A value of a variable: how to give it to a request, and how to say it. */
export interface Example {
  readonly label: string;
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
