import type { EngineSettings, ExtensionProvider } from '../source.ts';

/** Settings with every default filled in: part of a snapshot, and of its revision. */
export interface Settings {
  readonly trustDomain: string;
  /** The trust domain, then its aliases. */
  readonly trustDomains: readonly string[];
  /** Peers of these are accepted; undefined: of any. */
  readonly acceptedTrustDomains: ReadonlySet<string> | undefined;
  readonly rootNamespace: string;
  readonly pathNormalization: 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';
  readonly providers: ReadonlyMap<string, ExtensionProvider>;
  readonly selfProviders: ReadonlySet<string>;
  readonly multipleCustomProviders: boolean;
  readonly selectorsOnGateways: boolean;
  readonly strict: boolean;
  readonly stripPathParameters: boolean;
}

export function readSettings(settings: EngineSettings): Settings {
  const { mesh = {} } = settings;
  const trustDomain = mesh.trustDomain ?? 'cluster.local';
  const aliases = mesh.trustDomainAliases ?? [];
  const accepted = new Set([trustDomain, ...aliases, ...(mesh.caTrustDomains ?? [])]);
  const level = mesh.pathNormalization ?? 'BASE';
  return Object.freeze({
    trustDomain,
    trustDomains: Object.freeze([trustDomain, ...aliases]),
    acceptedTrustDomains: settings.skipTrustDomainValidation ? undefined : accepted,
    rootNamespace: mesh.rootNamespace ?? 'istio-system',
    pathNormalization: level === 'DEFAULT' ? 'BASE' : level,
    providers: new Map((mesh.extensionProviders ?? []).map((provider) => [provider.name, provider])),
    selfProviders: new Set(settings.selfProviders),
    multipleCustomProviders: settings.multipleCustomProviders ?? false,
    selectorsOnGateways: settings.selectorsOnGateways ?? true,
    strict: settings.strict ?? false,
    stripPathParameters: settings.stripPathParameters ?? false,
  });
}

/** Everything that decides, in one fixed order. */
export function settingsText(settings: Settings): string {
  return JSON.stringify([
    settings.trustDomains,
    settings.acceptedTrustDomains && [...settings.acceptedTrustDomains],
    settings.rootNamespace,
    settings.pathNormalization,
    [...settings.providers.values()].map((p) => [p.name, p.protocol, p.failOpen, p.statusOnError]),
    [...settings.selfProviders],
    settings.multipleCustomProviders,
    settings.selectorsOnGateways,
    settings.strict,
    settings.stripPathParameters,
  ]);
}
