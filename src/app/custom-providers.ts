import { readFileSync } from 'node:fs';
import type { ProviderSettings } from '../adapters/custom-provider/index.ts';
import type { Settings } from './settings/index.ts';

/** What settings say about CUSTOM providers, by name. */
export function providerSettings({
  policy,
}: Pick<Settings, 'policy'>): ReadonlyMap<string, ProviderSettings> {
  return new Map(
    policy.providers.map(({ name, address, tls, caFile }) => [
      name,
      {
        address: address === undefined ? undefined : splitAddress(address),
        tls: tls ? { caPem: caFile === undefined ? undefined : readFileSync(caFile, 'utf8') } : undefined,
      },
    ]),
  );
}

/** Where the doors of this server are, as MeshConfig would write it: a provider there would ask in a circle (D17). */
export function ownAddresses({
  extAuthzAddress,
  extAuthzPort,
  extAuthzHttpPort,
}: Settings): readonly string[] {
  const hosts = new Set(['localhost', '127.0.0.1', '::1', extAuthzAddress]);
  return [...hosts].flatMap((host) => [`${host}:${extAuthzPort}`, `${host}:${extAuthzHttpPort}`]);
}

function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon);
  return {
    host: host.startsWith('[') ? host.slice(1, -1) : host,
    port: Number(address.slice(colon + 1)),
  };
}
