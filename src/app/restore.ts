import { existsSync, rmSync } from 'node:fs';
import { openAuthorityDirectory } from '../adapters/key-store/index.ts';
import {
  acceptLoss,
  checkpointFile,
  type RestoreOutcome,
  restoreBackup,
} from '../adapters/store-sqlite/index.ts';
import { openAuditSigner } from '../authority/index.ts';
import { toHex } from '../base/bytes.ts';
import { ulid } from '../base/random.ts';
import { ed25519Verifier } from '../operations/audit/index.ts';
import type { AuditCheckpoints, AuditEvent } from '../operations/ports/index.ts';
import { type KeyArchiveFile, restoreAuthority } from './authority-archive.ts';
import { keyProtection } from './authority-settings.ts';
import type { Environment } from './environment.ts';
import type { Settings } from './settings/index.ts';
import { type StatePaths, statePaths } from './state-paths.ts';

export interface RestoredState extends RestoreOutcome {
  /** False when the signing keys are not in the state directory: they are backed up apart. */
  readonly hasAuthority: boolean;
}

/** What to bring back: a backup of the records, with or without an archive of the keys. */
export interface RestoreFrom {
  readonly backupFile: string;
  readonly keys?: KeyArchiveFile | undefined;
}

/** Brings a backup into the state directory, as a new serial epoch (S21). The server must not run. */
export async function restoreState(
  settings: Settings,
  environment: Environment,
  { backupFile, keys }: RestoreFrom,
): Promise<RestoredState> {
  if (keys !== undefined) await restoreAuthority(settings, environment, keys);
  try {
    const { options, hasAuthority } = await prepare(settings, environment);
    return { ...(await restoreBackup(backupFile, options)), hasAuthority };
  } catch (error) {
    // Nothing has been signed with them here: another try finds the directory as this one did.
    if (keys !== undefined) rmSync(statePaths(settings).authority, { recursive: true, force: true });
    throw error;
  }
}

/** Goes on with a database that is older than its last checkpoint, by an operator's word. */
export async function acceptStateLoss(settings: Settings, environment: Environment): Promise<RestoredState> {
  const { options, hasAuthority } = await prepare(settings, environment);
  return { ...(await acceptLoss(options)), hasAuthority };
}

async function prepare(settings: Settings, environment: Environment) {
  const paths = statePaths(settings);
  const hasAuthority = existsSync(paths.authority);
  const checkpoints = hasAuthority ? await readCheckpoints(settings, environment, paths) : undefined;
  const { clock, random } = environment;
  const audit: AuditEvent = {
    actor: 'operator/local',
    actorMethod: 'local',
    action: 'store.restore',
    object: paths.directory,
    result: 'success',
    requestId: ulid(clock.now(), random),
    detail: {},
  };
  const options = {
    stateDirectory: paths.directory,
    clock,
    audit,
    ...(checkpoints === undefined ? {} : { checkpoints }),
  };
  return { options, hasAuthority };
}

async function readCheckpoints(
  settings: Settings,
  environment: Environment,
  paths: StatePaths,
): Promise<AuditCheckpoints> {
  const { protection } = await keyProtection(settings, environment);
  const { keys } = await openAuthorityDirectory(paths.authority, protection);
  const { publicKey } = await openAuditSigner(keys);
  const lines = await checkpointFile(paths.checkpoints).read();
  return { lines, verifier: ed25519Verifier(toHex(publicKey.keyId), publicKey.keyObject) };
}
