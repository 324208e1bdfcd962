import { hashToken, type ProxyBinding, ProxyBindings } from '../operations/check-request/index.ts';
import { SpiffeId } from '../spiffe/index.ts';
import { readSecretFile, type Settings } from './settings/index.ts';

export const listenerNames = ['ext-authz', 'ext-authz-http'] as const;

export function proxyBindings(settings: Settings): ProxyBindings {
  return new ProxyBindings(bindingList(settings));
}

/** D20: the bindings of the settings; a local listener that none of them names is bound to every workload. */
export function bindingList({ proxies }: Settings): readonly ProxyBinding[] {
  const written = proxies.map(
    ({ name, identity, tokenFile, listener, destinations, trustProxyPrincipal }): ProxyBinding => ({
      name,
      identity: identity === undefined ? undefined : SpiffeId.parse(identity),
      tokenHash: tokenFile === undefined ? undefined : hashToken(readSecretFile(tokenFile)),
      listener,
      destinations: destinations?.map((rule) =>
        rule.spiffeId === undefined
          ? { namespace: rule.namespace ?? '', labels: new Map(Object.entries(rule.labels)) }
          : { spiffeId: rule.spiffeId },
      ),
      trustProxyPrincipal,
    }),
  );
  const named = new Set(written.map(({ listener }) => listener));
  const local = listenerNames
    .filter((listener) => !named.has(listener))
    .map((listener): ProxyBinding => ({ name: listener, listener, trustProxyPrincipal: false }));
  return [...written, ...local];
}
