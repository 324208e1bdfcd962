import type { Clock } from '../base/clock.ts';
import { asCastellanError, type CastellanError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { type Random, unitInterval } from '../base/random.ts';
import type { AgentAlarms } from './alarms.ts';
import { NodeReports } from './node-reports.ts';
import type { NodeStore, ServerLink, SyncStream } from './ports.ts';
import { retryDelay } from './renewal-plan.ts';
import type { WorkloadSvid } from './svid-keeper.ts';
import { applyUpdate, mergeUpdates, type NodeView, type RawUpdate } from './view.ts';

export interface NodeSyncParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly link: Pick<ServerLink, 'openSync'>;
  readonly store: Pick<NodeStore, 'saveUpdate'>;
  readonly alarms: AgentAlarms;
  readonly wantsPolicy: boolean;
  /** A new view is in force. */
  readonly onView: (view: NodeView) => void;
  /** The server answered after it had not. */
  readonly onUp: () => void;
  /** The server says that this node is not, or no longer, admitted. */
  readonly onNotAdmitted: (error: CastellanError) => void;
  /** What is held here now, for reports. */
  readonly held: () => readonly WorkloadSvid[];
}

/** N19: a stream that says nothing is opened again this often, for what it said may have been lost. */
const renewAfterMs = 60_000;
const firstRetryMs = 250;
const retryCapMs = 15_000;
/** A change of certificates is reported when things have been quiet for so long. */
const reportAfterMs = 500;
const alarmAfterFailures = 3;
/** Longer than any URL that is fetched; a report has room for it. */
const longestKeySetName = 4_096;

/** Follows what the server tells this node, through every interruption. What was told last stays in force. */
export class NodeSync implements Disposable {
  readonly #parts: NodeSyncParts;
  #view: NodeView | undefined;
  #update: RawUpdate | undefined;
  #stream: SyncStream | undefined;
  #reports: NodeReports | undefined;
  #refused = '';
  #policy = { revision: '', refused: '' };
  #failures = 0;
  #isUp = false;
  #isClosed = false;
  #timer: Disposable | undefined;
  #reporting: Disposable | undefined;
  #saving = Promise.resolve();

  constructor(parts: NodeSyncParts) {
    this.#parts = parts;
  }

  get view(): NodeView | undefined {
    return this.#view;
  }

  /** True while the server answers. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Puts in force what an earlier life of this node was told. */
  resume(update: RawUpdate): void {
    try {
      this.#apply(update);
    } catch (error) {
      this.#parts.logger.warn('what was kept of the server cannot be used', { detail: String(error) });
    }
  }

  start(): void {
    this.#open();
  }

  /** Opens the stream anew, for instance as another identity; nothing is lost in between. */
  reopen(): void {
    if (this.#isClosed) return;
    this.#stream?.[Symbol.dispose]();
    this.#open();
  }

  /** Certificates changed: the server is told before long. */
  certificatesChanged(): void {
    if (this.#reporting !== undefined || this.#reports === undefined) return;
    this.#reporting = this.#parts.clock.schedule(reportAfterMs, () => {
      this.#reporting = undefined;
      this.#tell();
    });
  }

  /** This node decides by that policy now, or refused a newer one: the server is told. */
  policyInForce(revision: string, refused = ''): void {
    this.#policy = { revision, refused };
    this.#tell();
  }

  /** The server is to fetch that key set again; false when it cannot be told. */
  wantKeySet(name: string): boolean {
    if (!this.#isUp || this.#reports === undefined || name.length > longestKeySetName) return false;
    this.#tell([name]);
    return true;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    this.#reporting?.[Symbol.dispose]();
    this.#stream?.[Symbol.dispose]();
  }

  /** Resolves when everything told so far is on disk, or was found not to fit there. */
  async saved(): Promise<void> {
    await this.#saving;
  }

  #open(): void {
    const { clock, random, link, wantsPolicy } = this.#parts;
    this.#timer?.[Symbol.dispose]();
    this.#reports = undefined;
    let isCurrent = true;
    const stream = link.openSync(
      { resumeRevision: this.#view?.revision ?? '', wantsPolicy },
      {
        opened: () => {
          if (isCurrent && !this.#isClosed) this.#up();
        },
        answer: (update) => {
          if (isCurrent && !this.#isClosed) this.#answered(update);
        },
        ended: (error) => {
          if (isCurrent && !this.#isClosed) this.#ended(error);
          isCurrent = false;
        },
      },
    );
    this.#stream = {
      report: (report) => stream.report(report),
      [Symbol.dispose]: () => {
        isCurrent = false;
        stream[Symbol.dispose]();
      },
    };
    this.#reports = new NodeReports(this.#stream);
    // With what it resumes from, the server knows at once where this node stands.
    if (this.#view !== undefined) this.#tell();
    const wait = renewAfterMs * (0.75 + unitInterval(random) / 4);
    this.#timer = clock.schedule(wait, () => this.reopen());
  }

  #answered(update: RawUpdate): void {
    const { alarms } = this.#parts;
    try {
      this.#apply(update);
      this.#refused = '';
      alarms.lower('update_refused', 'server');
      this.#save();
    } catch (error) {
      this.#refused = asCastellanError(error).publicMessage;
      alarms.raise('update_refused', 'server', this.#refused);
    }
    this.#tell();
    this.#up();
  }

  #up(): void {
    const { alarms, onUp } = this.#parts;
    this.#failures = 0;
    alarms.lower('server_unreachable', 'server');
    alarms.lower('not_admitted', 'server');
    if (this.#isUp) return;
    this.#isUp = true;
    onUp();
  }

  #apply(update: RawUpdate): void {
    const { logger, onView } = this.#parts;
    const { view, leftOut } = applyUpdate(this.#view, update);
    for (const why of leftOut.slice(0, 20)) logger.warn('a registration does not count', { detail: why });
    this.#view = view;
    this.#update = mergeUpdates(this.#update, update);
    onView(view);
  }

  #tell(wantedKeySets: readonly string[] = []): void {
    const refused = this.#refused === '' ? this.#policy.refused : this.#refused;
    const told = { refused, policyRevision: this.#policy.revision, wantedKeySets };
    if (this.#view !== undefined) this.#reports?.tell(this.#view, told, this.#parts.held());
  }

  #save(): void {
    const update = this.#update;
    if (update === undefined) return;
    this.#saving = this.#writeAfter(this.#saving, update);
  }

  async #writeAfter(earlier: Promise<void>, update: RawUpdate): Promise<void> {
    const { store, alarms } = this.#parts;
    await earlier;
    // Of several that wait only the newest is worth the disk.
    if (update !== this.#update) return;
    try {
      await store.saveUpdate({ ...update, isFull: true });
      alarms.lower('disk', 'snapshot');
    } catch (error) {
      alarms.raise('disk', 'snapshot', `what the server said cannot be kept: ${(error as Error).message}`);
    }
  }

  #ended(error: CastellanError): void {
    const { clock, random, logger, alarms, onNotAdmitted } = this.#parts;
    this.#timer?.[Symbol.dispose]();
    this.#reports = undefined;
    this.#isUp = false;
    this.#failures++;
    logger.warn('the stream from the server ended', { code: error.code, detail: error.message });
    if (this.#failures >= alarmAfterFailures)
      alarms.raise('server_unreachable', 'server', `${error.code}: ${error.publicMessage}`);
    const wait = retryDelay({
      failures: this.#failures,
      unit: unitInterval(random),
      baseMs: firstRetryMs,
      capMs: retryCapMs,
      retryAfterSeconds: error.retryAfterSeconds,
    });
    this.#timer = clock.schedule(wait, () => this.#open());
    if (error.kind === 'unauthenticated' || error.kind === 'denied') onNotAdmitted(error);
  }
}
