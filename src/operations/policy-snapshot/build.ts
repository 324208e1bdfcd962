import type { EngineSettings, PolicySnapshot } from '../../policy/index.ts';
import type { AnyResource, ExtensionProvider, MeshConfig } from '../../resources/index.ts';
import { type ActivePolicy, WorkloadDirectory } from '../check-request/index.ts';

/** What a server's own settings say about deciding; MeshConfig resources add to it. */
export interface PolicySettings {
  readonly trustDomain: string;
  readonly strict: boolean;
  readonly stripPathParameters: boolean;
  /** D17: extension providers that are this server. */
  readonly selfProviders: readonly string[];
  /** `host:port` of its own doors: a provider of MeshConfig that is there is this server too. */
  readonly ownAddresses?: readonly string[] | undefined;
  readonly multipleCustomProviders: boolean;
}

/** The last MeshConfig by namespace and name counts; there should be one. */
export function findMeshConfig(resources: readonly AnyResource[]): MeshConfig | undefined {
  return resources
    .filter((resource): resource is MeshConfig => resource.kind === 'MeshConfig')
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    .at(-1);
}

const nameOf = ({ metadata }: MeshConfig) => `${metadata.namespace}/${metadata.name}`;

/** The trust domain is the server's own; one that MeshConfig names beside it is an alias. */
export function engineSettings(settings: PolicySettings, resources: readonly AnyResource[]): EngineSettings {
  const mesh = findMeshConfig(resources)?.spec;
  const { trustDomain, strict, stripPathParameters, multipleCustomProviders } = settings;
  const others = [mesh?.trustDomain ?? trustDomain, ...(mesh?.trustDomainAliases ?? [])];
  const isDefault = (name: string) => name === 'cluster.local' && mesh?.trustDomain === name;
  const aliases = others.filter((name) => name !== trustDomain && !isDefault(name));
  return {
    strict,
    stripPathParameters,
    selfProviders: selfProvidersOf(settings, mesh?.extensionProviders ?? []),
    multipleCustomProviders,
    mesh: {
      trustDomain,
      trustDomainAliases: [...new Set(aliases)],
      caTrustDomains: mesh?.caTrustDomains,
      rootNamespace: mesh?.rootNamespace,
      pathNormalization: mesh?.pathNormalization,
      extensionProviders: mesh?.extensionProviders,
    },
  };
}

function selfProvidersOf(
  { selfProviders, ownAddresses = [] }: PolicySettings,
  providers: readonly ExtensionProvider[],
): readonly string[] {
  const there = providers.filter(({ service, port }) =>
    ownAddresses.includes(`${service.slice(service.indexOf('/') + 1)}:${port}`),
  );
  return [...new Set([...selfProviders, ...there.map(({ name }) => name)])];
}

export function activePolicyOf(
  snapshot: PolicySnapshot,
  resources: readonly AnyResource[],
  storeRevision: bigint,
): ActivePolicy {
  const providers = findMeshConfig(resources)?.spec.extensionProviders ?? [];
  return Object.freeze({
    snapshot,
    resources,
    workloads: new WorkloadDirectory(resources),
    providers: new Map(providers.map((provider) => [provider.name, provider])),
    hasCustom: resources.some((r) => r.kind === 'AuthorizationPolicy' && r.spec.action === 'CUSTOM'),
    hasTokenRules: resources.some((r) => r.kind === 'RequestAuthentication'),
    storeRevision,
  });
}
