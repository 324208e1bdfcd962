import { readFileSync, statSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { ServingCertificate } from '../authority/index.ts';
import { minutes } from '../base/duration.ts';
import { bundleServer } from '../endpoints/bundle/server.ts';
import { serveBundle } from '../operations/federation/index.ts';
import { setCredentials } from '../wire/http/server.ts';
import type { ServingCredentials } from '../wire/tls/listener.ts';
import type { Environment } from './environment.ts';
import { readSecretFile, type Settings } from './settings/index.ts';
import type { State } from './state.ts';

export interface BundleEndpointParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly state: Pick<State, 'authority' | 'bundleReaders'>;
  readonly serving: ServingCertificate;
}

/** Undefined where it is switched off. */
export async function openBundleEndpoint(
  parts: BundleEndpointParts,
  stack: AsyncDisposableStack,
): Promise<FastifyInstance | undefined> {
  const { settings, environment, state } = parts;
  const { clock, random, logger } = environment;
  const { enabled, address, port } = settings.bundleEndpoint;
  if (!enabled) return undefined;
  const { authority, bundleReaders: readers } = state;
  const credentials = credentialsOf(parts);
  const server = await bundleServer({
    http: {
      logger: logger.scoped('bundle'),
      clock,
      random,
      credentials: credentials.current(),
      limits: { requestsPerMinute: settings.limits.adminRequestsPerMinute },
    },
    serve: (token) => serveBundle({ authority, readers }, token),
  });
  stack.defer(() => server.close());
  stack.use(
    credentials.onChange(({ chainPem, privateKeyPem }) => setCredentials(server, chainPem, privateKeyPem)),
  );
  await server.listen({ host: address, port });
  return server;
}

interface Credentials {
  current(): ServingCredentials;
  onChange(listener: (credentials: ServingCredentials) => void): Disposable;
}

/** F-07, F-09: that of the operator, read again when it was renewed, or our own. */
function credentialsOf({ settings, environment, serving }: BundleEndpointParts): Credentials {
  const { certificateFile, keyFile } = settings.bundleEndpoint;
  if (certificateFile === undefined || keyFile === undefined) return serving;
  const read = () => ({
    chainPem: readFileSync(certificateFile, 'utf8'),
    privateKeyPem: readSecretFile(keyFile),
  });
  const changedAt = () => `${statSync(certificateFile).mtimeMs}/${statSync(keyFile).mtimeMs}`;
  return {
    current: read,
    onChange(listener) {
      let seen = changedAt();
      let timer: Disposable;
      const look = () => {
        try {
          const now = changedAt();
          if (now !== seen) listener(read());
          seen = now;
        } catch (error) {
          environment.logger
            .scoped('bundle')
            .warn('the renewed certificate of the bundle endpoint cannot be used; the last one is shown on', {
              error: String(error),
            });
        }
        timer = environment.clock.schedule(minutes(1), look);
      };
      timer = environment.clock.schedule(minutes(1), look);
      return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
    },
  };
}
