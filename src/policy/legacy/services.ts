/** From the services that old policies name to the labels that policies of today select by. */
import type { MapNode, ParseResult, PositionedNode } from '../../resources/index.ts';
import type { KnownService } from './model.ts';
import { looseText } from './read-rbac.ts';

export interface Selection {
  readonly namespace: string;
  /** Empty: every workload of the namespace. */
  readonly labels: ReadonlyMap<string, string>;
  /** For the new policy's name. */
  readonly label: string;
  /** True when the labels are only the usual guess. */
  readonly isGuess: boolean;
  readonly service: KnownService | undefined;
}

/** Kubernetes Services among the documents that are not ours. */
export function knownServices(result: ParseResult, defaultNamespace: string): readonly KnownService[] {
  return result.skipped
    .filter(({ kind, apiVersion, name }) => kind === 'Service' && apiVersion === 'v1' && name !== undefined)
    .map(({ root, name }) => ({
      name: name ?? '',
      namespace: looseText(root, 'metadata', 'namespace') ?? defaultNamespace,
      selector: textsOf(root, 'selector'),
      ports: portsOf(root),
    }));
}

function specField(root: MapNode, name: string): PositionedNode | undefined {
  const spec = root.get('spec');
  return spec?.kind === 'map' ? spec.get(name) : undefined;
}

function textsOf(root: MapNode, name: string): ReadonlyMap<string, string> {
  const node = specField(root, name);
  if (node?.kind !== 'map') return new Map();
  return new Map(
    node.entries.flatMap(({ key, value }) =>
      value.kind === 'scalar' ? [[key.text, value.text] as const] : [],
    ),
  );
}

function portsOf(root: MapNode): KnownService['ports'] {
  const node = specField(root, 'ports');
  return (node?.kind === 'list' ? node.items : []).flatMap((item) => {
    if (item.kind !== 'map') return [];
    const port = Number(looseText(item, 'port'));
    const target = looseText(item, 'targetPort');
    const isNumber = target === undefined || /^[0-9]+$/.test(target);
    return [
      { name: looseText(item, 'name'), port, targetPort: isNumber ? Number(target ?? port) : undefined },
    ];
  });
}

/** `cart`, `cart.shop`, `cart.shop.svc.cluster.local` → name and namespace. */
export function parseServiceName(text: string, namespace: string): { name: string; namespace: string } {
  const [name = '', second] = text.split('.');
  return { name, namespace: second ?? namespace };
}

/** The workloads behind one service. */
export function selectService(name: string, namespace: string, services: readonly KnownService[]): Selection {
  const service = services.find((one) => one.name === name && one.namespace === namespace);
  if (service !== undefined && service.selector.size > 0)
    return { namespace, labels: service.selector, label: name, isGuess: false, service };
  return { namespace, labels: new Map([['app', name]]), label: name, isGuess: true, service };
}

/**
 * The workloads behind a pattern of services (`*`, `cart*`, `*.shop.svc.cluster.local`): undefined when the services
 * would have to be known by name and are not.
 */
export function selectServices(
  pattern: string,
  namespace: string,
  services: readonly KnownService[],
): readonly Selection[] | undefined {
  if (pattern === '*')
    return [{ namespace, labels: new Map(), label: '', isGuess: false, service: undefined }];
  if (!pattern.includes('*')) {
    const named = parseServiceName(pattern, namespace);
    return [selectService(named.name, named.namespace, services)];
  }
  if (/^\*\.[^.*]+(\.svc(\..*)?)?$/.test(pattern)) {
    const own = pattern.split('.')[1] ?? namespace;
    return [{ namespace: own, labels: new Map(), label: '', isGuess: false, service: undefined }];
  }
  const inNamespace = services.filter((one) => one.namespace === namespace);
  if (inNamespace.length === 0) return undefined;
  return inNamespace
    .filter((one) => matches(pattern, `${one.name}.${one.namespace}.svc.cluster.local`))
    .map((one) => selectService(one.name, one.namespace, services));
}

function matches(pattern: string, value: string): boolean {
  return pattern.startsWith('*') ? value.endsWith(pattern.slice(1)) : value.startsWith(pattern.slice(0, -1));
}
