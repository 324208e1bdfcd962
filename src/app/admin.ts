import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unencryptedNotice } from '../adapters/key-store/index.ts';
import type { ServingCertificate } from '../authority/index.ts';
import { type AdminParts, adminServer, type BackupCopy, type Notice } from '../endpoints/admin/index.ts';
import type { HealthCheck } from '../operations/check-health.ts';
import { Simulator } from '../operations/decisions/index.ts';
import { auditOf, type Operator } from '../operations/operator.ts';
import { PageCursors } from '../operations/page-cursor.ts';
import type { DirectorySource } from '../operations/policy-directory/index.ts';
import type { TrafficQuery } from '../operations/ports/index.ts';
import { nearingEnd } from '../operations/rotation/index.ts';
import { setCredentials } from '../wire/http/server.ts';
import { listenOnSocket } from './admin-socket.ts';
import type { Agents } from './agents.ts';
import { type Checks, policySettings } from './checks.ts';
import type { Environment } from './environment.ts';
import { portOf } from './http-listener.ts';
import type { Issuing } from './issuing.ts';
import { operatorToken } from './operator-token.ts';
import { type BuildInfo, type LoadedSettings, type Settings } from './settings/index.ts';
import type { State } from './state.ts';

export interface AdminDoorParts {
  readonly settings: Settings;
  readonly shown: LoadedSettings['shown'];
  readonly environment: Environment;
  readonly state: State;
  readonly issuing: Issuing;
  readonly agents: Agents;
  readonly checks: Checks;
  readonly directory: DirectorySource | undefined;
  readonly serving: ServingCertificate;
  readonly readiness: readonly HealthCheck[];
  readonly build: BuildInfo;
}

export interface AdminDoors {
  readonly port: number;
  readonly socket: string;
  close(): Promise<void>;
}

/** The admin API on its Unix socket (trusted by the file system) and over https (trusted by token). */
export async function openAdminDoors(door: AdminDoorParts): Promise<AdminDoors> {
  const { settings, environment, state, serving } = door;
  const { clock, random } = environment;
  const http = {
    logger: environment.logger.scoped('admin'),
    clock,
    random,
    contentTypes: ['application/yaml'],
  };
  const parts = adminParts(door);
  const local = await adminServer({ http, access: { kind: 'local' }, parts });
  const tokens = [
    { name: 'admin', role: 'admin', token: operatorToken(state.paths.operatorToken, random) },
    { name: 'viewer', role: 'viewer', token: operatorToken(state.paths.viewerToken, random) },
  ] as const;
  const remote = await adminServer({
    http: {
      ...http,
      credentials: serving.current(),
      limits: { requestsPerMinute: settings.limits.adminRequestsPerMinute },
    },
    access: { kind: 'tokens', clock, tokens },
    parts,
  });
  const renewal = serving.onChange(({ chainPem, privateKeyPem }) =>
    setCredentials(remote, chainPem, privateKeyPem),
  );
  await listenOnSocket(local, state.paths.adminSocket);
  await remote.listen({ host: settings.adminAddress, port: settings.adminPort });
  return {
    port: portOf(remote),
    socket: state.paths.adminSocket,
    async close() {
      renewal[Symbol.dispose]();
      await Promise.all([local.close(), remote.close()]);
    },
  };
}

function adminParts(door: AdminDoorParts): AdminParts {
  const { environment, state, issuing, readiness, build } = door;
  const { clock, random } = environment;
  const { store, authority, clockGuard } = state;
  const traffic = {
    async list(query: TrafficQuery = {}) {
      await door.checks.traffic.flow.flush();
      return await store.traffic.list(query);
    },
  };
  return {
    store,
    authority,
    clock,
    random,
    policy: () => door.checks.feed.current(),
    policySettings: policySettings(door.settings),
    policyFeed: () => door.checks.feed.status(),
    enforcers: door.checks.enforcers,
    traffic,
    simulator: new Simulator({
      ring: store.decisions,
      traffic,
      policy: () => door.checks.feed.current(),
      settings: policySettings(door.settings),
      clock,
      stopwatch: () => performance.now(),
    }),
    agents: door.agents,
    cursors: new PageCursors(random.bytes(32)),
    readiness,
    settings: door.shown,
    notices: () => notices(door),
    version: { version: build.version, node: build.node },
    issue: issuing.issueLocally,
    backup: (operator) => backup(state, operator),
    verifyAudit: state.verifyAudit,
    async acceptClock(operator) {
      await store.audit.append(
        auditOf(operator, 'clock.accept', store.identity().instanceId, { now: clock.now() }),
      );
      clockGuard.accept();
    },
  };
}

function notices({ state, serving, directory, environment: { clock } }: AdminDoorParts): readonly Notice[] {
  const ofAuthority = [...state.authority.status().alarms, ...serving.alarms()].map(({ code, message }) => ({
    code,
    message,
    next: 'look into the server log; castellan explain CODE says what it means',
  }));
  const problem = directory?.status().problem;
  const ending = nearingEnd(state.authority, clock.now()).map(({ code, message }) => ({
    code,
    message,
    next: 'see what its successor waits for: castellan rotate status',
  }));
  const ours = [...ofAuthority, ...ending];
  const alarms = problem === undefined ? ours : [...ours, directoryNotice(problem)];
  if (state.keysAreEncrypted) return alarms;
  return [
    {
      code: 'KEYS_UNENCRYPTED',
      message: unencryptedNotice,
      next: 'seal them: castellan backup --keys, set authority.passphraseFile, castellan restore --keys (docs/how-to/back-up-and-restore.md)',
    },
    ...alarms,
  ];
}

function directoryNotice(problem: string): Notice {
  return {
    code: 'POLICY_DIRECTORY_NOT_IN_FORCE',
    message: `the policy directory is not taken up: ${problem}`,
    next: 'correct the directory; the last good version decides until then',
  };
}

/** The copy lies beside the database, so that it can be as large, and is gone when it has been sent. */
async function backup({ store, paths }: State, operator: Operator): Promise<BackupCopy> {
  const directory = mkdtempSync(join(paths.directory, '.backup-'));
  const file = join(directory, 'copy.db');
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    const audit = auditOf(operator, 'store.backup', store.identity().instanceId);
    const { bytes, at } = await store.maintenance.backup(file, audit);
    const content = createReadStream(file);
    content.once('close', remove);
    return { bytes, at, content };
  } catch (error) {
    remove();
    throw error;
  }
}
