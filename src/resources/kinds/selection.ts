/** How the three security kinds say which workloads they are about. */

/** All labels must be equal. No labels: everything in scope, as without a selector. */
export interface WorkloadSelector {
  readonly matchLabels: ReadonlyMap<string, string>;
}

export interface PolicyTargetRef {
  /** `''` is the core group. */
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  /** Always undefined in a valid resource: a reference across namespaces is refused. */
  readonly namespace: string | undefined;
}
