import type { ExtensionProvider } from '../../resources/index.ts';
import { GuardedLookup, type LookupOptions } from '../../wire/outbound/index.ts';

/** Tells a provider whether it sees the whole body; a client's own is never passed on. */
export const partialBodyHeader = 'x-envoy-auth-partial-body';

/** What settings say about one provider beside MeshConfig. */
export interface ProviderSettings {
  /** `host:port`, instead of the service and port that MeshConfig names. */
  readonly address?: { readonly host: string; readonly port: number } | undefined;
  /** Absent: without TLS. */
  readonly tls?: { readonly caPem?: string | undefined } | undefined;
}

/** Where a provider is, and the guard on the way to it. */
export interface ProviderPlace {
  readonly host: string;
  readonly port: number;
  readonly tls: ProviderSettings['tls'];
  readonly names: GuardedLookup;
}

/** D15: an address that settings name may be private; one that comes with MeshConfig only when it is listed. */
export function placeOf(
  provider: ExtensionProvider,
  settings: ProviderSettings | undefined,
  rules: Omit<LookupOptions, 'privateAllowed'>,
): ProviderPlace {
  const named = settings?.address;
  const host = named?.host ?? provider.service.slice(provider.service.indexOf('/') + 1);
  return {
    host,
    port: named?.port ?? provider.port,
    tls: settings?.tls,
    names: new GuardedLookup({ ...rules, privateAllowed: named !== undefined }),
  };
}
