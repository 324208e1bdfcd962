import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemEnvironment } from '../../src/app/environment.ts';
import { type RunningServer, type ServerOptions } from '../../src/app/server.ts';
import { loadSettings } from '../../src/app/settings/index.ts';
import { startUp } from '../../src/app/up.ts';
import { FakeLogger } from '../fakes/logger.ts';
import { IstioClient, tlsCredentials } from './istio-client.ts';

export interface CastellanOptions {
  /** A settings file, as text. */
  readonly settings?: string;
  readonly flags?: Readonly<Record<string, string>>;
  /** Used again after a restart; made and removed when left out. */
  readonly stateDir?: string;
  readonly environment?: Partial<ServerOptions['environment']>;
  readonly grpcLimits?: ServerOptions['grpcLimits'];
}

export interface Castellan extends AsyncDisposable {
  readonly server: RunningServer;
  readonly logger: FakeLogger;
  readonly stateDir: string;
  readonly address: string;
  rootsPem(): string;
  /** A client without a certificate, or with one. */
  client(identity?: { readonly chainPem: string; readonly privateKeyPem: string }): IstioClient;
}

/** The real server in this process: real store, real keys, every door on a free port, `csr` at `address`. */
export async function castellan(options: CastellanOptions = {}): Promise<Castellan> {
  const scratch = mkdtempSync(join(tmpdir(), 'castellan-server-'));
  const stateDir = options.stateDir ?? join(scratch, 'state');
  const file = join(scratch, 'castellan.yaml');
  if (options.settings !== undefined) writeFileSync(file, options.settings, { mode: 0o600 });
  const logger = new FakeLogger();
  const loaded = loadSettings({
    file: options.settings === undefined ? undefined : file,
    env: {},
    flags: {
      stateDir,
      csrPort: '0',
      adminPort: '0',
      observabilityPort: '0',
      extAuthzPort: '0',
      extAuthzHttpPort: '0',
      'agent.withUp': 'false',
      ...options.flags,
    },
    cwd: scratch,
  });
  const server = await startUp({
    loaded,
    environment: { ...systemEnvironment(logger), variables: {}, ...options.environment },
    ...(options.grpcLimits === undefined ? {} : { grpcLimits: options.grpcLimits }),
  });
  const address = server.endpoints.csr;
  return {
    server,
    logger,
    stateDir,
    address,
    rootsPem: () => server.state.authority.rootsPem(),
    client: (identity) =>
      new IstioClient(address, tlsCredentials({ rootsPem: server.state.authority.rootsPem(), ...identity })),
    async [Symbol.asyncDispose]() {
      await server.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}
