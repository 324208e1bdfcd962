import { type Clock, sleep } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { type Random, ulid } from '../../base/random.ts';
import { type Finding, hasErrors } from '../../resources/index.ts';
import type { AuditAction } from '../audit/index.ts';
import type { AuditEvent, ResourceKey, ResourceStore } from '../ports/index.ts';
import { type ReadResources, readResourceText } from '../read-resource-text.ts';
import { titleOf } from '../stored-document.ts';
import {
  type DirectoryPlan,
  isOfDirectory,
  keyOf,
  type OwnedResource,
  ownedBy,
  planDirectory,
} from './plan.ts';
import type { DirectoryFile, DirectoryReading, PolicyDirectory } from './reading.ts';

export interface DirectorySourceOptions {
  /** As settings name it: for messages. */
  readonly title: string;
  readonly directory: PolicyDirectory;
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Milliseconds since any moment, fine-grained. */
  readonly stopwatch: () => number;
}

export interface DirectoryStatus {
  /** Why what is in the directory now is not in force; undefined when it is. */
  readonly problem: string | undefined;
  readonly findings: readonly Finding[];
  /** Of the version in force. */
  readonly files: number;
  readonly resources: number;
  /** Times that a version was refused or could not be read. */
  readonly failures: number;
  readonly syncedAt: number | undefined;
}

const sliceMs = 2;
const retryMs = 1_000;
const findingsKept = 20;

interface Taken {
  readonly text: string;
  readonly read: ReadResources;
}

/**
 * Keeps the store as a directory says (D19): a whole version of the directory or nothing of it. What cannot be read,
 * is empty or holds a mistake changes nothing and raises an alarm; a file that is gone takes its resources with it.
 */
export class DirectorySource implements Disposable {
  readonly #options: DirectorySourceOptions;
  readonly #closing = new AbortController();
  #texts: ReadonlyMap<string, Taken> = new Map();
  #owned: ReadonlyMap<string, OwnedResource> | undefined;
  #watch: Disposable | undefined;
  #retry: Disposable | undefined;
  #running: Promise<void> | undefined;
  #isStale = false;
  #status: DirectoryStatus = { ...nothing, problem: 'not read yet' };

  constructor(options: DirectorySourceOptions) {
    this.#options = options;
  }

  /** Resolves when the first version was taken, or refused. */
  static async open(options: DirectorySourceOptions): Promise<DirectorySource> {
    const source = new DirectorySource(options);
    source.#watch = options.directory.watch(() => source.#wake());
    source.#wake();
    await source.#running;
    return source;
  }

  status(): DirectoryStatus {
    return this.#status;
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#retry?.[Symbol.dispose]();
    this.#closing.abort(new Error('closed'));
  }

  #wake(): void {
    this.#isStale = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#isStale && !this.#closing.signal.aborted) {
      this.#isStale = false;
      try {
        await this.#take(await this.#options.directory.read());
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.#refuse(`it could not be stored: ${error instanceof Error ? error.message : String(error)}`);
        this.#retry = this.#options.clock.schedule(retryMs, () => this.#wake());
      }
    }
  }

  async #take(reading: DirectoryReading): Promise<void> {
    if (!reading.ok) {
      this.#refuse(reading.reason);
      return;
    }
    // What is being written is cut to nothing first: that is no deletion of what it held.
    const empty = reading.files.find(({ text }) => text.trim() === '');
    if (empty !== undefined) {
      this.#refuse(`\`${empty.path}\` is empty: delete a file to delete what it holds`);
      return;
    }
    const texts = await this.#readTexts(reading.files);
    const findings = [...texts.values()].flatMap(({ read }) => read.findings);
    if (hasErrors(findings)) {
      const first = findings.find(({ severity }) => severity === 'error');
      this.#refuse(`${first?.file}:${first?.line}: ${first?.message}`, findings);
      return;
    }
    const wanted = gather(texts);
    if (typeof wanted === 'string') this.#refuse(wanted);
    else if (wanted.size === 0) this.#refuse('it holds no resource; what was in force stays in force');
    else await this.#store(wanted, { texts, findings });
  }

  /** A file that did not change is not read again; checks go on between slices. */
  async #readTexts(files: readonly DirectoryFile[]): Promise<ReadonlyMap<string, Taken>> {
    const { clock, stopwatch } = this.#options;
    const texts = new Map<string, Taken>();
    let sliceEnd = stopwatch() + sliceMs;
    for (const { path, text } of files) {
      const known = this.#texts.get(path);
      const read =
        known?.text === text
          ? known.read
          : readResourceText(text, { file: path, defaultNamespace: 'default' });
      texts.set(path, { text, read });
      if (stopwatch() < sliceEnd) continue;
      await sleep(clock, 0, this.#closing.signal);
      sliceEnd = stopwatch() + sliceMs;
    }
    return texts;
  }

  async #store(
    wanted: ReadonlyMap<string, OwnedResource>,
    {
      texts,
      findings,
    }: { readonly texts: ReadonlyMap<string, Taken>; readonly findings: readonly Finding[] },
  ): Promise<void> {
    const { store, clock, logger } = this.#options;
    const present = this.#owned ?? (await this.#ownedInStore());
    const plan = planDirectory(wanted, present);
    if (plan.changes.length > 0) {
      const revision = await store.write(plan.changes, this.#audits(plan));
      const { created, updated, deleted } = plan;
      logger.info('policy directory taken up', {
        revision: String(revision),
        created: created.length,
        updated: updated.length,
        deleted: deleted.length,
      });
    }
    this.#owned = wanted;
    this.#texts = texts;
    this.#status = {
      problem: undefined,
      findings: findings.slice(0, findingsKept),
      files: texts.size,
      resources: wanted.size,
      failures: this.#status.failures,
      syncedAt: clock.now(),
    };
  }

  async #ownedInStore(): Promise<ReadonlyMap<string, OwnedResource>> {
    const stored = (await this.#options.store.list()).filter(({ owner }) => isOfDirectory(owner));
    return new Map(stored.map((one) => [keyOf(one), one]));
  }

  #audits({ created, updated, deleted }: DirectoryPlan): readonly AuditEvent[] {
    const { title, clock, random } = this.#options;
    const requestId = ulid(clock.now(), random);
    const audit = (action: AuditAction) => (key: ResourceKey) =>
      ({
        actor: 'castellan',
        actorMethod: 'directory',
        action,
        object: titleOf(key),
        result: 'success',
        requestId,
        detail: { directory: title },
      }) as const;
    return [
      ...created.map(audit('resource.create')),
      ...updated.map(audit('resource.update')),
      ...deleted.map(audit('resource.delete')),
    ];
  }

  #refuse(problem: string, findings: readonly Finding[] = []): void {
    const { logger, title } = this.#options;
    if (this.#status.problem !== problem)
      logger.error('the policy directory is not taken up; the last good version stays in force', {
        directory: title,
        problem,
      });
    this.#status = {
      ...this.#status,
      problem,
      findings: findings.slice(0, findingsKept),
      failures: this.#status.failures + 1,
    };
  }
}

const nothing: DirectoryStatus = {
  problem: undefined,
  findings: [],
  files: 0,
  resources: 0,
  failures: 0,
  syncedAt: undefined,
};

/** Everything the files hold by key; a sentence when two of them hold the same. */
function gather(texts: ReadonlyMap<string, Taken>): ReadonlyMap<string, OwnedResource> | string {
  const wanted = new Map<string, OwnedResource>();
  for (const [path, { read }] of texts)
    for (const resource of read.resources) {
      const one = ownedBy(path, resource);
      const twin = wanted.get(keyOf(one));
      if (twin !== undefined) return `${titleOf(one)} is in both \`${twin.owner}\` and \`${one.owner}\``;
      wanted.set(keyOf(one), one);
    }
  return wanted;
}
