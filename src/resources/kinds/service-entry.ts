import type { Resource } from '../resource.ts';
import type { WorkloadEntrySpec } from './workload-entry.ts';

export const servicePortProtocols = [
  'HTTP',
  'HTTPS',
  'GRPC',
  'GRPC-WEB',
  'HTTP2',
  'HTTP_PROXY',
  'MONGO',
  'TCP',
  'TLS',
  'MYSQL',
  'REDIS',
  'UDP',
] as const;

export interface ServicePort {
  readonly number: number;
  /** Upper case; undefined: sniffed. */
  readonly protocol: string | undefined;
  readonly name: string;
  /** The workload's port; undefined: the same number. */
  readonly targetPort: number | undefined;
}

export interface ServiceEntrySpec {
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly location: 'MESH_EXTERNAL' | 'MESH_INTERNAL';
  readonly resolution: 'NONE' | 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS';
  readonly endpoints: readonly WorkloadEntrySpec[];
  /** Labels of WorkloadEntries and pods in the same namespace. */
  readonly workloadSelector: ReadonlyMap<string, string> | undefined;
  readonly exportTo: readonly string[];
  /** SPIFFE IDs that may serve it, as written. */
  readonly subjectAltNames: readonly string[];
}

export type ServiceEntry = Resource<'ServiceEntry', ServiceEntrySpec>;
