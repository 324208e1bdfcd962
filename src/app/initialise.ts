import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { createAuthorityDirectory } from '../adapters/key-store/index.ts';
import { openStore, stateFiles } from '../adapters/store-sqlite/index.ts';
import { initialiseAuthority, openAuthority, randomSerials } from '../authority/index.ts';
import { ulid } from '../base/random.ts';
import { authoritySettings, keyProtection } from './authority-settings.ts';
import type { Environment } from './environment.ts';
import { appErrors } from './errors.ts';
import type { Settings } from './settings/index.ts';
import { type StatePaths, statePaths } from './state-paths.ts';

/** What may lie in a directory that still counts as empty: a volume brings `lost+found`, a failed restore its lock. */
const ignorable = new Set([
  'lost+found',
  ...[stateFiles('').lock, stateFiles('').holder].map((file) => basename(file)),
]);

/** True when a first start may make a new authority here. */
export function isFresh(settings: Settings): boolean {
  const names = namesIn(settings.stateDir).filter((name) => !ignorable.has(name));
  return names.length === 0 || names.includes('initialising');
}

/**
 * Makes database, keys and root in an empty state directory: the only way to a new authority (S06). Interrupted, it
 * can be repeated; throws STATE_NOT_EMPTY for a directory that has been used.
 */
export async function initialise(settings: Settings, environment: Environment): Promise<void> {
  const paths = statePaths(settings);
  if (!isFresh(settings))
    throw appErrors.STATE_NOT_EMPTY({ message: `the state directory \`${paths.directory}\` is not empty` });
  mkdirSync(paths.directory, { recursive: true, mode: 0o700 });
  removeHalfMade(paths);
  createMarker(paths.initialising);
  const { clock, random, logger } = environment;
  const { protection } = await keyProtection(settings, environment);
  const authority = authoritySettings(settings, environment);
  const serials = randomSerials(random);
  await createAuthorityDirectory(paths.authority, protection, async (files) => {
    const ports = { ...files, serials, clock, logger };
    await initialiseAuthority(ports, authority);
    // Plugged-in material that does not fit is found now, not at the first start (P1, P2).
    await (await openAuthority(ports, authority))[Symbol.asyncDispose]();
  });
  await using store = await openStore({
    stateDirectory: paths.directory,
    clock,
    random,
    logger,
    initialise: true,
  });
  await store.audit.append({
    actor: 'castellan',
    actorMethod: 'local',
    action: 'authority.initialise',
    object: settings.trustDomain,
    result: 'success',
    requestId: ulid(clock.now(), random),
    detail: { kind: authority.hierarchy.kind, encrypted: protection.kind === 'passphrase' },
  });
  rmSync(paths.initialising);
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function createMarker(file: string): void {
  const fd = openSync(file, 'w', 0o600);
  fsyncSync(fd);
  closeSync(fd);
}

/** Beside the marker nothing has ever been used: no server starts while it is there. */
function removeHalfMade(paths: StatePaths): void {
  const { database, wal, lock, holder } = stateFiles(paths.directory);
  for (const file of [paths.authority, database, wal, `${database}-shm`, lock, holder, paths.checkpoints])
    rmSync(file, { recursive: true, force: true });
}
