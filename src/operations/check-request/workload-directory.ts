import { parseIp } from '../../base/ip.ts';
import type { PortProtocol, WorkloadFacts } from '../../policy/index.ts';
import type { AnyResource, ServiceEntry, WorkloadEntry } from '../../resources/index.ts';
import { protocolOf, protocolOfName } from './port-protocol.ts';

/** A workload that a WorkloadEntry names. One object each, so that what a snapshot works out for it is kept. */
export interface KnownWorkload {
  readonly facts: WorkloadFacts;
  /** Canonical text of an IP address; undefined for host names and paths. */
  readonly address: string | undefined;
  /** Empty: every port. */
  readonly ports: ReadonlySet<number>;
}

/** Who is where: WorkloadEntries by address, account, name and label. Immutable, built with each snapshot. */
export class WorkloadDirectory {
  readonly #byAddress = new Map<string, KnownWorkload[]>();
  readonly #byAccount = new Map<string, KnownWorkload[]>();
  readonly #byName = new Map<string, KnownWorkload>();
  readonly #made = new Map<string, WorkloadFacts>();

  constructor(resources: Iterable<AnyResource>) {
    const entries: WorkloadEntry[] = [];
    const services: ServiceEntry[] = [];
    for (const resource of resources) {
      if (resource.kind === 'WorkloadEntry') entries.push(resource);
      else if (resource.kind === 'ServiceEntry') services.push(resource);
    }
    for (const entry of entries) this.#add(entry, services);
  }

  get size(): number {
    return this.#byName.size;
  }

  byAddress(address: string): readonly KnownWorkload[] {
    return this.#byAddress.get(address) ?? [];
  }

  byAccount(namespace: string, serviceAccount: string): readonly KnownWorkload[] {
    return this.#byAccount.get(`${namespace}/${serviceAccount}`) ?? [];
  }

  byName(namespace: string, name: string): KnownWorkload | undefined {
    return this.#byName.get(`${namespace}/${name}`);
  }

  all(): Iterable<KnownWorkload> {
    return this.#byName.values();
  }

  /** One object for each set of facts that proxies tell, up to a bound; beyond it a fresh one, which is only slower. */
  remember(key: string, make: () => WorkloadFacts): WorkloadFacts {
    let facts = this.#made.get(key);
    if (facts === undefined) {
      facts = make();
      if (this.#made.size < mostMade) this.#made.set(key, facts);
    }
    return facts;
  }

  #add({ metadata, spec }: WorkloadEntry, services: readonly ServiceEntry[]): void {
    const { namespace, name } = metadata;
    const ports = new Map<number, PortProtocol>();
    for (const [portName, port] of spec.ports) ports.set(port, protocolOfName(portName));
    for (const service of services)
      if (selects(service, namespace, spec.labels)) addServicePorts(ports, service, spec.ports);
    const facts: WorkloadFacts = Object.freeze({
      namespace,
      name,
      labels: spec.labels,
      serviceAccount: spec.serviceAccount ?? 'default',
      ports,
    });
    const address = spec.address === undefined ? undefined : parseIp(spec.address)?.text;
    const known = Object.freeze({ facts, address, ports: new Set(spec.ports.values()) });
    this.#byName.set(`${namespace}/${name}`, known);
    push(this.#byAccount, `${namespace}/${facts.serviceAccount}`, known);
    if (address !== undefined) push(this.#byAddress, address, known);
  }
}

const mostMade = 10_000;

function push<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function selects(service: ServiceEntry, namespace: string, labels: ReadonlyMap<string, string>): boolean {
  const selector = service.spec.workloadSelector;
  if (selector === undefined || service.metadata.namespace !== namespace) return false;
  return [...selector].every(([key, value]) => labels.get(key) === value);
}

function addServicePorts(
  ports: Map<number, PortProtocol>,
  { spec }: ServiceEntry,
  named: ReadonlyMap<string, number>,
): void {
  for (const port of spec.ports) {
    const target = named.get(port.name) ?? port.targetPort ?? port.number;
    const protocol = protocolOf(port.protocol ?? '');
    if (protocol !== 'auto') ports.set(target, protocol);
  }
}
