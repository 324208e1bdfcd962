import type { Resource } from '../resource.ts';

export interface WorkloadEntrySpec {
  /** An IP address, a host name, or a path `unix:///…`; undefined where only the network is given. */
  readonly address: string | undefined;
  /** By the port's name. */
  readonly ports: ReadonlyMap<string, number>;
  readonly labels: ReadonlyMap<string, string>;
  readonly network: string | undefined;
  readonly locality: string | undefined;
  readonly weight: number | undefined;
  /** In the entry's own namespace. */
  readonly serviceAccount: string | undefined;
}

export type WorkloadEntry = Resource<'WorkloadEntry', WorkloadEntrySpec>;
