import type { Resource } from '../resource.ts';
import type { WorkloadSelector } from './selection.ts';

export const mtlsModes = ['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'] as const;
export type MtlsMode = (typeof mtlsModes)[number];

export interface PeerAuthenticationSpec {
  readonly selector: WorkloadSelector | undefined;
  /** `UNSET` when not written: inherit. */
  readonly mode: MtlsMode;
  /** By workload port, never the Service's. */
  readonly portModes: ReadonlyMap<number, MtlsMode>;
}

export type PeerAuthentication = Resource<'PeerAuthentication', PeerAuthenticationSpec>;
