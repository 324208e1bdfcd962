import { SpiffeId } from '../../spiffe/index.ts';
import { foldAscii } from '../match/text-patterns.ts';
import type { ServiceEntry, WorkloadEntry, WorkloadEntrySpec } from '../source.ts';

/** Which SPIFFE IDs may serve a service: by host name, in lower case. */
export type ServiceNaming = ReadonlyMap<string, ServiceIdentities>;

export interface ServiceIdentities {
  /** As policies and certificates write them, aliases included; empty means any mesh certificate is accepted. */
  readonly identities: readonly string[];
  /** Where they come from, one line each. */
  readonly sources: readonly string[];
}

/**
 * Secure naming (policy.md §1.5, §6.3): a service's IDs are its `subjectAltNames` and the accounts of its endpoints, each
 * in the trust domain and its aliases.
 */
export function compileServices(
  services: readonly ServiceEntry[],
  workloads: readonly WorkloadEntry[],
  trustDomains: readonly string[],
): ServiceNaming {
  const naming = new Map<string, { identities: Set<string>; sources: Set<string> }>();
  for (const service of services) {
    const { namespace, name } = service.metadata;
    for (const host of service.spec.hosts) {
      const key = foldAscii(host);
      const found = naming.get(key) ?? { identities: new Set(), sources: new Set() };
      naming.set(key, found);
      for (const uri of service.spec.subjectAltNames) {
        if (!uri.startsWith('spiffe://')) continue;
        for (const id of withAliases(uri, trustDomains)) found.identities.add(id);
        found.sources.add(`ServiceEntry ${namespace}/${name} subjectAltNames`);
      }
      for (const { endpoint, source } of endpointsOf(service, workloads)) {
        if (endpoint.serviceAccount === undefined || endpoint.serviceAccount === '') continue;
        for (const trustDomain of trustDomains)
          found.identities.add(`spiffe://${trustDomain}/ns/${namespace}/sa/${endpoint.serviceAccount}`);
        found.sources.add(source);
      }
    }
  }
  return new Map(
    [...naming].map(([host, { identities, sources }]) => [
      host,
      Object.freeze({ identities: [...identities].sort(), sources: [...sources].sort() }),
    ]),
  );
}

function endpointsOf(
  service: ServiceEntry,
  workloads: readonly WorkloadEntry[],
): readonly { endpoint: WorkloadEntrySpec; source: string }[] {
  const { namespace, name } = service.metadata;
  const inline = service.spec.endpoints.map((endpoint) => ({
    endpoint,
    source: `ServiceEntry ${namespace}/${name} endpoint ${endpoint.address ?? ''}`,
  }));
  const selector = service.spec.workloadSelector;
  if (selector === undefined || selector.size === 0) return inline;
  const selected = workloads.filter(
    (workload) =>
      workload.metadata.namespace === namespace &&
      [...selector].every(([key, value]) => workload.spec.labels.get(key) === value),
  );
  return [
    ...inline,
    ...selected.map((workload) => ({
      endpoint: workload.spec,
      source: `WorkloadEntry ${namespace}/${workload.metadata.name}`,
    })),
  ];
}

/** Istio expands an ID of one of the mesh's trust domains to all of them; any other stands as it is. */
function withAliases(uri: string, trustDomains: readonly string[]): readonly string[] {
  const id = SpiffeId.tryParse(uri);
  if (id === undefined || !trustDomains.includes(id.trustDomain)) return [uri];
  return trustDomains.map((trustDomain) => `spiffe://${trustDomain}${id.path}`);
}
