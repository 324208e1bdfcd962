import cluster, { type Worker } from 'node:cluster';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Metrics } from '../../adapters/telemetry/index.ts';
import type { ServingCertificate } from '../../authority/index.ts';
import { sleep } from '../../base/clock.ts';
import { PolicyRollout } from '../../operations/policy-content/index.ts';
import type { KeySetPlace } from '../../operations/policy-snapshot/index.ts';
import type { Checks } from '../checks.ts';
import type { Environment } from '../environment.ts';
import { appErrors } from '../errors.ts';
import type { Settings } from '../settings/index.ts';
import type { State } from '../state.ts';
import { deniedOf, trustOf } from '../trust-content.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { WorkerHandle } from './worker-handle.ts';

export interface WorkerPoolParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly state: State;
  readonly serving: ServingCertificate;
  readonly checks: Checks;
  readonly metrics: Metrics;
}

type Addresses = Extract<FromWorker, { kind: 'ready' }>['addresses'];

const longestHelloMs = 30_000;
/** One that ends sooner after its start is not started again at once. */
const shortLifeMs = 5_000;
const longestPauseMs = 10_000;

/** The processes that answer proxies (D23): each decides alone, all by the same policies; one that dies is replaced. */
export class WorkerPool {
  readonly #parts: WorkerPoolParts;
  readonly #settings: Settings;
  readonly #rollout: PolicyRollout;
  readonly #handles = new Map<Worker, WorkerHandle>();
  readonly #joining = new Map<Worker, PromiseWithResolvers<void>>();
  readonly #subscriptions: Disposable[];
  readonly #closing = new AbortController();
  #addresses: Addresses | undefined;
  #next = 1;
  #shortLives = 0;
  #dropped = 0;

  private constructor(parts: WorkerPoolParts, settings: Settings) {
    this.#parts = parts;
    this.#settings = settings;
    const { clock, logger } = parts.environment;
    const { store, authority } = parts.state;
    this.#rollout = new PolicyRollout(store.resources, { clock, logger: logger.scoped('workers') });
    const trust = () => this.#tellAll({ kind: 'trust', trust: trustOf(authority) });
    this.#subscriptions = [
      this.#rollout,
      parts.checks.enforcers.add(this.#rollout),
      authority.onBundleChange(trust),
      authority.onIssuerChange(trust),
      store.revocations.watch(() => this.#tellAll({ kind: 'denied', denied: deniedOf(store.revocations) })),
      parts.serving.onChange((serving) => this.#tellAll({ kind: 'serving', serving })),
    ];
    parts.metrics.member(
      async () => await Promise.all([...this.#handles.values()].map((one) => one.scrape())),
    );
    parts.metrics.sample((set) => {
      set('castellan_workers', this.#rollout.list().length);
      set('castellan_worker_decisions_dropped_total', this.#dropped);
    });
  }

  /** Resolves when every worker has its doors open. */
  static async open(parts: WorkerPoolParts): Promise<WorkerPool> {
    if (parts.settings.extAuthzSocket !== undefined) throw appErrors.WORKERS_NEED_A_PORT();
    const { extAuthzAddress, extAuthzPort, extAuthzHttpPort } = parts.settings;
    // A worker that comes later must find the same port: it is chosen once.
    const settings = {
      ...parts.settings,
      extAuthzPort: extAuthzPort === 0 ? await freePort(extAuthzAddress) : extAuthzPort,
      extAuthzHttpPort: extAuthzHttpPort === 0 ? await freePort(extAuthzAddress) : extAuthzHttpPort,
    };
    const built = import.meta.url.endsWith('.ts') ? './main.ts' : './main.js';
    const exec = fileURLToPath(new URL(built, import.meta.url));
    cluster.setupPrimary({ exec, args: [], serialization: 'advanced' });
    const pool = new WorkerPool(parts, settings);
    try {
      await Promise.all(Array.from({ length: settings.workers }, () => pool.#start()));
      return pool;
    } catch (error) {
      await pool.close(0);
      throw error;
    }
  }

  get addresses(): Addresses {
    if (this.#addresses === undefined) throw new TypeError('no worker is ready');
    return this.#addresses;
  }

  /** Process ids, for those who watch them. */
  processes(): readonly number[] {
    return [...this.#handles.keys()].map((worker) => worker.process.pid).filter((pid) => pid !== undefined);
  }

  async close(graceMs: number): Promise<void> {
    this.#closing.abort(new Error('closed'));
    await Promise.all([...this.#handles.values()].map((handle) => handle.end(graceMs)));
    for (const one of this.#subscriptions) one[Symbol.dispose]();
  }

  async #start(): Promise<void> {
    const worker = cluster.fork();
    const handle = new WorkerHandle(worker, {
      name: `worker-${this.#next++}`,
      startedAt: this.#parts.environment.clock.bootTime(),
    });
    this.#handles.set(worker, handle);
    const hello = Promise.withResolvers<void>();
    const ready = Promise.withResolvers<void>();
    ready.promise.catch(() => undefined);
    hello.promise.catch(() => undefined);
    this.#joining.set(worker, ready);
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'hello') hello.resolve();
      else this.#take(worker, handle, message);
    });
    worker.once('exit', (code, signal) => {
      hello.reject(
        appErrors.WORKER_CANNOT_START({ message: `a worker ended at its start (${signal ?? code})` }),
      );
      ready.reject(
        appErrors.WORKER_CANNOT_START({ message: `a worker ended at its start (${signal ?? code})` }),
      );
      this.#ended(worker, handle, signal ?? String(code));
    });
    using _limit = this.#parts.environment.clock.schedule(longestHelloMs, () => handle.abandon());
    await hello.promise;
    await this.#rollout.join(handle, async () => {
      const { resources } = this.#parts.state.store;
      const revision = resources.revision();
      const { state, serving } = this.#parts;
      handle.say({
        kind: 'start',
        settings: this.#settings,
        serving: serving.current(),
        trust: trustOf(state.authority),
        denied: deniedOf(state.store.revocations),
        resources: await resources.list(),
        revision,
      });
      await ready.promise;
      return revision;
    });
  }

  #take(worker: Worker, handle: WorkerHandle, message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.#addresses = message.addresses;
        this.#joining.get(worker)?.resolve();
        return;
      case 'failed':
        this.#joining.get(worker)?.reject(appErrors.WORKER_CANNOT_START({ message: message.problem }));
        return;
      case 'prepared':
        this.#rollout.prepared(handle, message.revision);
        return;
      case 'refused':
        this.#rollout.refused(handle, message.revision, message.problem);
        return;
      case 'activated':
        this.#rollout.activated(handle, message.revision);
        return;
      case 'decisions':
        this.#dropped += message.dropped;
        for (const row of message.rows) this.#parts.state.store.decisions.note(row);
        return;
      case 'traffic':
        this.#parts.checks.traffic.counter.add(message.rows);
        return;
      case 'key-set':
        void this.#fetchKeySet(handle, message.id, message.place);
        return;
      case 'scraped':
        handle.scraped(message.id, message.metrics);
        return;
      default:
    }
  }

  async #fetchKeySet(handle: WorkerHandle, id: number, place: KeySetPlace): Promise<void> {
    try {
      const text = await this.#parts.checks.relay.fetch(place, this.#closing.signal);
      handle.say({ kind: 'key-set', id, text });
    } catch (error) {
      handle.say({ kind: 'key-set', id, problem: error instanceof Error ? error.message : String(error) });
    }
  }

  #tellAll(message: ToWorker): void {
    for (const handle of this.#handles.values()) handle.say(message);
  }

  #ended(worker: Worker, handle: WorkerHandle, how: string): void {
    this.#handles.delete(worker);
    this.#joining.delete(worker);
    this.#rollout.leave(handle);
    if (this.#closing.signal.aborted || this.#addresses === undefined) return;
    const { environment, metrics } = this.#parts;
    const { clock, logger } = environment;
    metrics.add('castellan_worker_restarts_total');
    this.#shortLives = clock.bootTime() - handle.startedAt < shortLifeMs ? this.#shortLives + 1 : 0;
    const pauseMs = this.#shortLives === 0 ? 0 : Math.min(longestPauseMs, 100 * 2 ** this.#shortLives);
    logger.scoped('workers').error('a worker ended and is replaced', { worker: handle.name, how, pauseMs });
    void this.#replace(pauseMs);
  }

  async #replace(pauseMs: number): Promise<void> {
    try {
      if (pauseMs > 0) await sleep(this.#parts.environment.clock, pauseMs, this.#closing.signal);
      await this.#start();
    } catch (error) {
      // Its end was noticed, and is why the next one is tried.
      this.#parts.environment.logger
        .scoped('workers')
        .warn('a worker did not start', { error: String(error) });
    }
  }
}

function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ port: 0, host, exclusive: true }, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
