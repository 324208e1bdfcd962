import { existsSync } from 'node:fs';
import {
  type AuthorityFiles,
  openAuthorityDirectory,
  unencryptedNotice,
} from '../adapters/key-store/index.ts';
import { checkpointFile, openStore } from '../adapters/store-sqlite/index.ts';
import { type Authority, openAuditSigner, openAuthority } from '../authority/index.ts';
import { toHex } from '../base/bytes.ts';
import { type Duration, minutes } from '../base/duration.ts';
import { Checkpointer, ed25519Verifier } from '../operations/audit/index.ts';
import { ClockGuard } from '../operations/clock-guard.ts';
import { EpochSerials } from '../operations/epoch-serials.ts';
import type { BundleReaders } from '../operations/federation/index.ts';
import type { AuditReport, Store } from '../operations/ports/index.ts';
import { RotationWatch } from '../operations/rotation/index.ts';
import type { Signer } from '../x509/index.ts';
import { authoritySettings, keyProtection } from './authority-settings.ts';
import { openBundleReaders } from './bundle-readers.ts';
import type { Environment } from './environment.ts';
import { appErrors } from './errors.ts';
import type { Settings } from './settings/index.ts';
import { type StatePaths, statePaths } from './state-paths.ts';

/** Everything that lives in the state directory, open. */
export interface State {
  readonly paths: StatePaths;
  readonly store: Store;
  readonly authority: Authority;
  readonly rotationWatch: RotationWatch;
  /** Readers of other trust domains that rotations wait for. */
  readonly bundleReaders: BundleReaders;
  readonly clockGuard: ClockGuard;
  readonly checkpointer: Checkpointer;
  readonly verifyAudit: () => Promise<AuditReport>;
  readonly keysAreEncrypted: boolean;
  /** Things to say at start. */
  readonly warnings: readonly string[];
}

/** Opens what is there, in the order in which it depends on each other; makes nothing (S06). */
export async function openState(
  settings: Settings,
  environment: Environment,
  stack: AsyncDisposableStack,
): Promise<State> {
  const paths = statePaths(settings);
  if (existsSync(paths.initialising)) throw appErrors.STATE_HALF_MADE();
  const { clock, random, logger } = environment;
  const { protection, warnings } = await keyProtection(settings, environment);
  const files = await openAuthorityDirectory(paths.authority, protection);
  const auditKey = auditKeyOf(await openAuditSigner(files.keys));
  const log = checkpointFile(paths.checkpoints);
  const checkpoints = async () => ({ lines: await log.read(), verifier: auditKey.verifier });
  const store = stack.use(
    await openStore({
      stateDirectory: paths.directory,
      clock,
      random,
      logger,
      checkpoints: await checkpoints(),
      limits: { maxQueued: settings.limits.maxQueuedIssuances, decisions: settings.decisions.ring },
    }),
  );
  const bundleReaders = await openBundleReaders(settings, paths.bundleReaders, environment);
  stack.defer(() => bundleReaders.flush());
  const { authority, rotationWatch } = await openSigning(
    { settings, environment, files, store, bundleReaders },
    stack,
  );
  const clockGuard = new ClockGuard(clock, await store.issuances.newestIssuedAt());
  const checkpointer = new Checkpointer({
    clock,
    logger: logger.scoped('audit'),
    audit: store.audit,
    origin: store.identity(),
    signer: auditKey.signer,
    log,
    everyEntries: settings.audit.checkpointEntries,
    everyMs: settings.audit.checkpointInterval,
  });
  checkpointer.start();
  stack.defer(() => checkpointer.stop());
  const keysAreEncrypted = protection.kind === 'passphrase';
  return {
    paths,
    store,
    authority,
    rotationWatch,
    bundleReaders,
    clockGuard,
    checkpointer,
    verifyAudit: async () => store.audit.verify(await checkpoints()),
    keysAreEncrypted,
    warnings: keysAreEncrypted ? warnings : [...warnings, unencryptedNotice],
  };
}

async function openSigning(
  { settings, environment, files, store, bundleReaders }: SigningParts,
  stack: AsyncDisposableStack,
): Promise<Pick<State, 'authority' | 'rotationWatch'>> {
  const { clock, random, logger } = environment;
  const rotationWatch = new RotationWatch({
    trustDomain: settings.trustDomain,
    issuances: store.issuances,
    nodes: store.nodes,
    federated: bundleReaders,
    clock,
    remember: rememberRecords(settings),
  });
  const serials = new EpochSerials(store.identity(), clock, random);
  const ports = { ...files, serials, clock, logger: logger.scoped('ca'), observer: rotationWatch };
  const authority = stack.use(await openAuthority(ports, authoritySettings(settings, environment)));
  return { authority, rotationWatch };
}

interface SigningParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly files: AuthorityFiles;
  readonly store: Store;
  readonly bundleReaders: BundleReaders;
}

/** A minute, less where certificates live shortly. */
function rememberRecords({ authority }: Settings): Duration {
  return Math.min(minutes(1), authority.workloadTtl / 20) as Duration;
}

function auditKeyOf(key: Signer) {
  const keyId = toHex(key.publicKey.keyId);
  return {
    signer: { keyId, sign: (message: Uint8Array) => key.sign(message) },
    verifier: ed25519Verifier(keyId, key.publicKey.keyObject),
  };
}
