/** The envelope every resource has, whatever its kind. */

export interface Source {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface ResourceMetadata {
  readonly name: string;
  /** The namespace as written, else the reader's default. */
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  /** Instant in ms, when it is written. */
  readonly createdAt: number | undefined;
  readonly resourceVersion: string | undefined;
  readonly uid: string | undefined;
}

export interface Resource<Kind extends string = string, Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: ResourceMetadata;
  readonly spec: Spec;
  readonly source: Source;
}

/** What names an object within its kind. */
export function resourceKey(resource: Resource): string {
  return `${resource.kind}/${resource.metadata.namespace}/${resource.metadata.name}`;
}

/** How people call it: `AuthorizationPolicy shop/cart`. */
export function resourceTitle(resource: Pick<Resource, 'kind' | 'metadata'>): string {
  return `${resource.kind} ${resource.metadata.namespace}/${resource.metadata.name}`;
}
