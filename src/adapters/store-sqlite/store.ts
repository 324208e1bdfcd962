import type { Clock } from '../../base/clock.ts';
import { isCastellanError } from '../../base/errors.ts';
import { type Logger, silentLogger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { parseCheckpoint } from '../../operations/audit/index.ts';
import type {
  AuditCheckpoints,
  AuditHead,
  Store,
  StoreHealth,
  StoreIdentity,
} from '../../operations/ports/index.ts';
import { storeErrors } from '../../operations/ports/index.ts';
import { SqliteAudit } from './audit.ts';
import { checkAuditTail, createDatabase, prepareDatabase } from './database-file.ts';
import { SqliteDecisions } from './decisions.ts';
import { SqliteIssuances } from './issuances.ts';
import { SqliteJoinTokens } from './join-tokens.ts';
import { lockDirectory } from './lock.ts';
import { SqliteMaintenance } from './maintenance.ts';
import { SqliteNodes } from './nodes.ts';
import { Reader } from './reader.ts';
import { SqliteRefusals } from './refusals.ts';
import { SqliteResources } from './resources.ts';
import { SqliteRevocations } from './revocations.ts';
import { exists, prepareDirectory, type StateFiles, sizeOf, stateFiles } from './state-directory.ts';
import { runTask } from './tasks.ts';
import { SqliteTraffic } from './traffic.ts';
import { WriteQueue } from './write-queue.ts';

export interface StoreOptions {
  readonly stateDirectory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
  /** Makes a database in a directory that never had one; without it a missing database refuses the start (S06). */
  readonly initialise?: boolean;
  /** 1 to 127, for a new database; drawn at random when left out. Instances of one CA need different ones. */
  readonly serialPrefix?: number;
  /** The checkpoints kept outside: a database older than them is refused. */
  readonly checkpoints?: AuditCheckpoints;
  readonly limits?: Partial<StoreLimits>;
}

export interface StoreLimits {
  /** Writes that may wait. */
  readonly maxQueued: number;
  /** Writes in one transaction. */
  readonly maxBatch: number;
  /** Refusals kept for `explain`. */
  readonly refusals: number;
  /** Decisions kept for `explain` and `simulate`. */
  readonly decisions: number;
  readonly checkpointEvery: number;
  /** A database up to this size is read whole before it serves, a longer one while it serves. */
  readonly fullCheckBytes: number;
  /** How long after the start that reading begins: a start is busy enough. */
  readonly checkBehindAfterMs: number;
  /** Newest audit entries that are verified at every start. */
  readonly auditTail: number;
  /** The database may not grow beyond so many pages of 4 KiB. */
  readonly maxPages: number | undefined;
}

const defaultLimits: StoreLimits = {
  maxQueued: 4096,
  maxBatch: 512,
  refusals: 10_000,
  decisions: 100_000,
  checkpointEvery: 1000,
  fullCheckBytes: 256 * 1024 * 1024,
  checkBehindAfterMs: 15_000,
  auditTail: 1000,
  maxPages: undefined,
};

/** Opens the store of a state directory and holds it until `close`. */
export async function openStore(options: StoreOptions): Promise<SqliteStore> {
  const { stateDirectory, initialise = false } = options;
  prepareDirectory(stateDirectory, { create: initialise });
  const files = stateFiles(stateDirectory);
  const lock = lockDirectory(files);
  const limits = { ...defaultLimits, ...options.limits };
  try {
    if (!exists(files.database)) createIfAllowed(files, options);
    prepareDatabase(files.database, { clock: options.clock, fullCheckBytes: limits.fullCheckBytes });
    await checkAuditTail(files.database, limits.auditTail);
    return await SqliteStore.start(files, limits, { ...options, lock });
  } catch (error) {
    lock[Symbol.dispose]();
    if (isCastellanError(error)) throw error;
    const message = `the database \`${files.database}\` cannot be opened: ${String(error)}`;
    throw storeErrors.STORE_UNSUITABLE({ message, cause: error });
  }
}

function createIfAllowed(files: StateFiles, options: StoreOptions): void {
  const traces = exists(files.wal) || (options.checkpoints?.lines.length ?? 0) > 0;
  if (traces)
    throw storeErrors.STORE_MISSING({
      message: `the database \`${files.database}\` is gone, though one was here before`,
    });
  if (!options.initialise)
    throw storeErrors.STORE_MISSING({ message: `there is no database \`${files.database}\`` });
  createDatabase(files.database, options, options.serialPrefix);
}

type StartOptions = StoreOptions & { readonly lock: Disposable };

export class SqliteStore implements Store {
  readonly issuances: SqliteIssuances;
  readonly joinTokens: SqliteJoinTokens;
  readonly nodes: SqliteNodes;
  readonly revocations: SqliteRevocations;
  readonly resources: SqliteResources;
  readonly audit: SqliteAudit;
  readonly refusals: SqliteRefusals;
  readonly decisions: SqliteDecisions;
  readonly traffic: SqliteTraffic;
  readonly maintenance: SqliteMaintenance;
  readonly #queue: WriteQueue;
  readonly #reader: Reader;
  readonly #lock: Disposable;
  readonly #identity: StoreIdentity;
  readonly #stop = new AbortController();
  #closed: Promise<void> | undefined;

  private constructor(queue: WriteQueue, files: StateFiles, options: StartOptions) {
    const { clock, lock } = options;
    const logger = (options.logger ?? silentLogger).scoped('store');
    this.#queue = queue;
    this.#lock = lock;
    this.#reader = new Reader(files.database);
    this.#identity = readIdentity(this.#reader);
    this.issuances = new SqliteIssuances(queue, this.#reader, clock);
    this.joinTokens = new SqliteJoinTokens(queue, this.#reader);
    this.revocations = new SqliteRevocations(queue, this.#reader, logger);
    this.nodes = new SqliteNodes(queue, this.#reader, { revocations: this.revocations, logger });
    this.resources = new SqliteResources(queue, this.#reader, { clock, logger });
    this.audit = new SqliteAudit(queue, this.#reader, logger);
    this.refusals = new SqliteRefusals(queue, this.#reader);
    this.decisions = new SqliteDecisions(queue, this.#reader);
    this.traffic = new SqliteTraffic(queue, files.database);
    this.maintenance = new SqliteMaintenance(queue, files, clock);
  }

  static async start(files: StateFiles, limits: StoreLimits, options: StartOptions): Promise<SqliteStore> {
    const { clock, logger = silentLogger } = options;
    const { maxPages, refusals, decisions, checkpointEvery, maxQueued, maxBatch } = limits;
    const writer = { file: files.database, maxPages, refusals, decisions, checkpointEvery };
    const queue = new WriteQueue({ writer, clock, logger: logger.scoped('store'), maxQueued, maxBatch });
    const head = await firstReady(queue);
    try {
      const store = new SqliteStore(queue, files, options);
      store.#follow(head);
      refuseRolledBack(head, store.#identity, options.checkpoints);
      if (sizeOf(files.database) > limits.fullCheckBytes)
        store.#checkBehind(files, limits.checkBehindAfterMs);
      return store;
    } catch (error) {
      await queue.close();
      throw error;
    }
  }

  health(): StoreHealth {
    return this.#queue.health;
  }

  identity(): StoreIdentity {
    return this.#identity;
  }

  /** Lets what waits be written, then closes in reverse order of opening. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#stop.abort();
      await this.#queue.stop();
      this.#reader.close();
      await this.#queue.close();
      this.#lock[Symbol.dispose]();
    })();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A database too long to be read whole before the start is read while it serves. */
  #checkBehind(files: StateFiles, afterMs: number): void {
    const { signal } = this.#stop;
    const check = async () => {
      const task = { task: 'check', database: files.database, quick: true } as const;
      const problems = await runTask(task, signal).catch((error: unknown) => [String(error)]);
      if (problems.length > 0 && !signal.aborted)
        this.#queue.condemn(`the database is damaged: ${problems.join('; ')}`);
    };
    const timer = setTimeout(() => void check(), afterMs).unref();
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  #follow(head: AuditHead): void {
    this.audit.moveTo(head);
    this.#queue.onCommit = (grown) => this.audit.moveTo(grown);
    this.#queue.onReady = (reopened) => {
      this.audit.moveTo(reopened);
      this.revocations.refresh();
      this.nodes.refresh();
      this.resources.refresh();
    };
  }
}

/** The head the writer found, or the outage it met instead. */
function firstReady(queue: WriteQueue): Promise<AuditHead> {
  return new Promise((resolve, reject) => {
    queue.onReady = (head) => {
      queue.onHealth = () => undefined;
      resolve(head);
    };
    queue.onHealth = (health) => {
      if (!health.ready)
        void queue
          .close()
          .then(() => reject(storeErrors.STORE_UNAVAILABLE({ details: { reason: health.reason } })));
    };
    queue.start();
  });
}

/** Losing the newest commits must not pass in silence: a redeemed token would work again (S05). */
function refuseRolledBack(
  head: AuditHead,
  identity: StoreIdentity,
  checkpoints: AuditCheckpoints | undefined,
): void {
  if (checkpoints === undefined) return;
  const seen = checkpoints.lines
    .map((line) => parseCheckpoint(line, checkpoints.verifier))
    .filter((c) => c?.instance === identity.instanceId && c.epoch >= identity.epoch)
    .reduce((most, c) => Math.max(most, c?.sequence ?? 0), 0);
  if (seen > head.sequence)
    throw storeErrors.STORE_ROLLED_BACK({
      message: `the audit log ends at entry ${head.sequence}, and a checkpoint saw entry ${seen}`,
      details: { entries: head.sequence, checkpoint: seen },
    });
}

function readIdentity(reader: Reader): StoreIdentity {
  const meta = reader.get('SELECT * FROM meta');
  if (meta === undefined) throw storeErrors.STORE_DAMAGED({ message: 'the meta row is missing' });
  const restored = meta['restored_backup_at'];
  return Object.freeze({
    instanceId: String(meta['instance_id']),
    epoch: Number(meta['epoch']),
    serialPrefix: Number(meta['serial_prefix']),
    restoredBackupAt: restored === null ? undefined : Number(restored),
    createdAt: Number(meta['created_at']),
  });
}
