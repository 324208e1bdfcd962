import type { ServingCertificate } from '../authority/index.ts';
import { type ExtAuthzAddress, type ExtAuthzServer, extAuthzServer } from '../endpoints/ext-authz/index.ts';
import { httpCheckServer } from '../endpoints/forward-auth/index.ts';
import type { CheckRequest } from '../operations/check-request/index.ts';
import { setCredentials } from '../wire/http/server.ts';
import type { PeerVerdict } from '../wire/tls/listener.ts';
import { isLoopback } from '../wire/tls/loopback.ts';
import { hostPort } from './endpoints-file.ts';
import type { Environment } from './environment.ts';
import { portOf } from './http-listener.ts';
import type { Settings } from './settings/index.ts';

export interface CheckDoorParts {
  readonly settings: DoorSettings;
  readonly environment: Environment;
  readonly serving: Pick<ServingCertificate, 'current' | 'onChange'>;
  readonly validatePeer: (chain: readonly Uint8Array[]) => PeerVerdict;
  readonly checks: { readonly verb: Pick<CheckRequest, 'check'> };
}

/** Where the doors are. */
export type DoorSettings = Pick<
  Settings,
  'extAuthzAddress' | 'extAuthzPort' | 'extAuthzHttpPort' | 'extAuthzSocket'
>;

export interface CheckDoors {
  readonly extAuthz: ExtAuthzServer;
  /** As endpoints.json writes them. */
  readonly addresses: { readonly extAuthz: string; readonly extAuthzHttp: string };
  close(graceMs: number): Promise<void>;
}

/** The doors that proxies ask at. Off this host there is no door without TLS. */
export async function openCheckDoors(parts: CheckDoorParts): Promise<CheckDoors> {
  const { settings, environment, serving, checks } = parts;
  const address = extAuthzAddress(parts);
  const extAuthz = await extAuthzServer({
    address,
    name: 'ext-authz',
    checks: checks.verb,
    logger: environment.logger.scoped('authz'),
  });
  const http = await openHttpDoor(parts);
  const renewal = serving.onChange((material) => {
    extAuthz.setCredentials(material);
    if (!isLoopback(settings.extAuthzAddress))
      setCredentials(http, material.chainPem, material.privateKeyPem);
  });
  return {
    extAuthz,
    addresses: {
      extAuthz:
        address.kind === 'unix' ? `unix:${address.path}` : hostPort(settings.extAuthzAddress, extAuthz.port),
      extAuthzHttp: hostPort(settings.extAuthzAddress, portOf(http)),
    },
    async close(graceMs) {
      renewal[Symbol.dispose]();
      await Promise.all([extAuthz.close(graceMs), http.close()]);
    },
  };
}

/** Without TLS on loopback only; elsewhere proxies show a token of their own over TLS. */
async function openHttpDoor({ settings, environment, serving, checks }: CheckDoorParts) {
  const { clock, random, logger } = environment;
  const { extAuthzAddress: host, extAuthzHttpPort: port } = settings;
  const server = await httpCheckServer({
    http: {
      logger: logger.scoped('authz'),
      clock,
      random,
      ...(isLoopback(host) ? {} : { credentials: serving.current() }),
    },
    checks: checks.verb,
    listener: 'ext-authz-http',
  });
  await server.listen({ host, port });
  return server;
}

function extAuthzAddress({ settings, serving, validatePeer }: CheckDoorParts): ExtAuthzAddress {
  const { extAuthzSocket, extAuthzAddress: host, extAuthzPort: port } = settings;
  if (extAuthzSocket !== undefined) return { kind: 'unix', path: extAuthzSocket, mode: 0o660 };
  if (isLoopback(host)) return { kind: 'plaintext', host, port };
  return { kind: 'tls', host, port, credentials: serving.current(), validatePeer };
}
