import type { PortProtocol, ProxyKind, WorkloadFacts } from '../../policy/index.ts';
import type { Plain, SkippedDocument } from '../../resources/index.ts';
import { protocolOf, protocolOfName } from '../check-request/index.ts';

/** What Kubernetes manifests among the files say about workloads; policies select by it, and nothing here decides. */

export interface ManifestWorkload {
  readonly facts: WorkloadFacts;
  /** E.g. `Deployment foo/httpbin (app.yaml:3)`. */
  readonly origin: string;
}

export interface ManifestService {
  readonly namespace: string;
  readonly name: string;
  readonly selector: ReadonlyMap<string, string>;
  readonly ports: readonly ServicePort[];
}

interface ServicePort {
  readonly port: number;
  /** A number, or the name of a container's port. */
  readonly target: number | string;
  readonly protocol: PortProtocol;
}

type Fields = Readonly<Record<string, Plain>>;

/** Where the pod's own metadata and spec stand in each kind that makes pods. */
const templatePaths: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

export function readServices(
  skipped: readonly SkippedDocument[],
  defaultNamespace: string,
): readonly ManifestService[] {
  return skipped
    .filter(({ kind, apiVersion, name }) => kind === 'Service' && apiVersion === 'v1' && name !== undefined)
    .map(({ root, name }) => {
      const document = fieldsOf(root.toPlain());
      const spec = fieldsOf(document.spec);
      return {
        namespace: textOf(fieldsOf(document.metadata).namespace) ?? defaultNamespace,
        name: name ?? '',
        selector: textsOf(spec.selector),
        ports: listOf(spec.ports).map(readServicePort),
      };
    });
}

function readServicePort(item: Plain): ServicePort {
  const { port, targetPort, appProtocol, name } = fieldsOf(item);
  const target = typeof targetPort === 'string' || typeof targetPort === 'number' ? targetPort : Number(port);
  const declared = protocolOf((textOf(appProtocol) ?? '').replace(/^kubernetes\.io\/h2c$/, 'http2'));
  return {
    port: Number(port),
    target,
    protocol: declared === 'auto' ? protocolOfName(textOf(name) ?? '') : declared,
  };
}

/** Workloads by the pods they make; the protocol of a port is what a Service in front of it declares. */
export function readWorkloads(
  skipped: readonly SkippedDocument[],
  services: readonly ManifestService[],
  defaultNamespace: string,
): readonly ManifestWorkload[] {
  return skipped.flatMap((document) => {
    const path = Object.hasOwn(templatePaths, document.kind) ? templatePaths[document.kind] : undefined;
    if (path === undefined || document.name === undefined) return [];
    const root = fieldsOf(document.root.toPlain());
    const namespace = textOf(fieldsOf(root.metadata).namespace) ?? defaultNamespace;
    const template = path.reduce((at, step) => fieldsOf(at[step]), root);
    const facts = readPod(template, { namespace, name: document.name, services });
    const origin = `${document.kind} ${namespace}/${document.name} (${document.file}:${document.line})`;
    return [{ facts, origin }];
  });
}

interface PodPlace {
  readonly namespace: string;
  readonly name: string;
  readonly services: readonly ManifestService[];
}

function readPod(template: Fields, { namespace, name, services }: PodPlace): WorkloadFacts {
  const metadata = fieldsOf(template.metadata);
  const spec = fieldsOf(template.spec);
  const labels = textsOf(metadata.labels);
  const named = new Map<string, number>();
  const ports = new Map<number, PortProtocol>();
  for (const container of listOf(spec.containers))
    for (const item of listOf(fieldsOf(container).ports)) {
      const port = fieldsOf(item);
      const number = Number(port.containerPort);
      if (!isPort(number)) continue;
      ports.set(number, 'auto');
      const portName = textOf(port.name);
      if (portName !== undefined) named.set(portName, number);
    }
  const own = services.filter((service) => service.namespace === namespace && selects(service, labels));
  for (const { target, protocol } of own.flatMap((service) => service.ports)) {
    const number = typeof target === 'number' ? target : (named.get(target) ?? Number(target));
    if (isPort(number)) ports.set(number, protocol);
  }
  const proxy = proxyOf(labels, textsOf(metadata.annotations));
  return Object.freeze({
    namespace,
    name,
    labels,
    serviceAccount: textOf(spec.serviceAccountName) ?? textOf(spec.serviceAccount) ?? 'default',
    ports,
    ...(proxy === undefined ? {} : { proxy }),
    services: own.map((service) => ({ namespace, name: service.name, registry: 'kubernetes' as const })),
  });
}

export function selects({ selector }: ManifestService, labels: ReadonlyMap<string, string>): boolean {
  return selector.size > 0 && [...selector].every(([key, value]) => labels.get(key) === value);
}

/** Gateways are known by the injection template that Istio's charts use, or by the controller that made them. */
function proxyOf(
  labels: ReadonlyMap<string, string>,
  annotations: ReadonlyMap<string, string>,
): ProxyKind | undefined {
  if (labels.get('gateway.istio.io/managed') === 'istio.io-mesh-controller') return 'waypoint';
  const templates = (annotations.get('inject.istio.io/templates') ?? '').split(',');
  const isGateway = templates.includes('gateway') || labels.has('gateway.networking.k8s.io/gateway-name');
  return isGateway ? 'gateway' : undefined;
}

function isPort(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= 65535;
}

function fieldsOf(value: Plain | undefined): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function listOf(value: Plain | undefined): readonly Plain[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: Plain | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function textsOf(value: Plain | undefined): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(fieldsOf(value)).flatMap(([key, item]) =>
      typeof item === 'string' ? [[key, item] as const] : [],
    ),
  );
}
