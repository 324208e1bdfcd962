import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { currentVersion, findFiles } from './files.ts';

/** Quiet time after an event: several files are written one after the other. */
const settleMs = 100;
/** Where it is never quiet. */
const longestSettleMs = 1_000;
/** Swapped symlinks and directories that came back tell nobody. */
const placeMs = 500;
/** Every file, for file systems that tell nothing at all. */
const filesMs = 5_000;
const mostWatched = 1_000;

/**
 * Calls `changed` after something may have changed: by events of every directory where they work, by looking where the
 * directory points twice a second, and by looking at every file now and then.
 */
export function watchPolicyDirectory(directory: string, changed: () => void, clock: Clock): Disposable {
  const watching = new DirectoryWatch(directory, changed, clock);
  return { [Symbol.dispose]: () => watching.close() };
}

class DirectoryWatch {
  readonly #directory: string;
  readonly #changed: () => void;
  readonly #clock: Clock;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: Disposable;
  #settling: Disposable | undefined;
  #stirredAt: number | undefined;
  #place: string | undefined;
  #files: string | undefined;
  #untilFiles = 0;
  #isClosed = false;

  constructor(directory: string, changed: () => void, clock: Clock) {
    this.#directory = directory;
    this.#changed = changed;
    this.#clock = clock;
    this.#timer = clock.schedule(0, () => void this.#look());
  }

  close(): void {
    this.#isClosed = true;
    this.#timer[Symbol.dispose]();
    this.#settling?.[Symbol.dispose]();
    this.#follow([]);
  }

  #stir(): void {
    if (this.#isClosed) return;
    const now = this.#clock.bootTime();
    this.#stirredAt ??= now;
    if (this.#settling !== undefined && now - this.#stirredAt > longestSettleMs) return;
    this.#settling?.[Symbol.dispose]();
    this.#settling = this.#clock.schedule(settleMs, () => {
      this.#settling = undefined;
      this.#stirredAt = undefined;
      this.#untilFiles = 0;
      this.#changed();
    });
  }

  async #look(): Promise<void> {
    const place = await placeOf(this.#directory);
    if (place !== this.#place) {
      if (this.#place !== undefined) this.#stir();
      this.#place = place;
      this.#untilFiles = 0;
    }
    if (this.#untilFiles <= 0) await this.#lookAtFiles();
    this.#untilFiles -= placeMs;
    if (!this.#isClosed) this.#timer = this.#clock.schedule(placeMs, () => void this.#look());
  }

  async #lookAtFiles(): Promise<void> {
    this.#untilFiles = filesMs;
    let files: string;
    let directories: readonly string[] = [];
    try {
      const tree = await findFiles(await currentVersion(this.#directory));
      files = tree.files.map(({ signature }) => signature).join('\n');
      ({ directories } = tree);
    } catch (error) {
      files = String((error as NodeJS.ErrnoException).code);
    }
    if (this.#isClosed) return;
    if (this.#files !== undefined && files !== this.#files) this.#stir();
    this.#files = files;
    this.#follow([this.#directory, dirname(this.#directory), ...directories].slice(0, mostWatched));
  }

  #follow(directories: readonly string[]): void {
    const wanted = new Set(directories);
    for (const [path, watcher] of this.#watchers)
      if (!wanted.has(path)) {
        watcher.close();
        this.#watchers.delete(path);
      }
    for (const path of wanted) if (!this.#watchers.has(path)) this.#open(path);
  }

  #open(path: string): void {
    const isParent = path === dirname(this.#directory);
    try {
      const watcher = watch(path, { persistent: false }, () => {
        // Next to the directory anything may happen: only where it points counts.
        if (isParent) this.#untilFiles = Math.min(this.#untilFiles, 0);
        else this.#stir();
      });
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(path);
      });
      this.#watchers.set(path, watcher);
    } catch {
      // Looking goes on without.
    }
  }
}

async function placeOf(directory: string): Promise<string> {
  try {
    const version = await currentVersion(directory);
    const { dev, ino, mtimeMs } = await stat(version);
    return `${version} ${dev} ${ino} ${mtimeMs}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
