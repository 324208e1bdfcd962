import { type FSWatcher, watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { type Duration, milliseconds, seconds } from '../../base/duration.ts';

export interface WatchTimes {
  /** Quiet time after an event: several files are replaced one after the other. */
  readonly debounce: Duration;
  /** Looking without having been told: events get lost on network file systems and swapped directories. */
  readonly poll: Duration;
}

/** Istio's debounce. */
export const defaultWatchTimes: WatchTimes = { debounce: milliseconds(100), poll: seconds(10) };

/**
 * Calls `changed` after something happened in the directory: by file system events where they work, and by comparing
 * inode, size and time of every file on each poll, which also sees symlink swaps and a replaced directory.
 */
export function watchDirectory(
  directory: string,
  changed: () => void,
  options: { readonly clock: Clock; readonly times?: WatchTimes },
): Disposable {
  const { clock, times = defaultWatchTimes } = options;
  let closed = false;
  let quiet: Disposable | undefined;
  let last: string | undefined;

  const stir = () => {
    if (closed) return;
    quiet?.[Symbol.dispose]();
    quiet = clock.schedule(times.debounce, changed);
  };
  const events = openEvents(directory, stir);
  const poll = async () => {
    const now = await signatureOf(directory);
    if (closed) return;
    if (last !== now) stir();
    last = now;
    timer = clock.schedule(times.poll, () => void poll());
  };
  let timer = clock.schedule(0, () => void poll());
  return {
    [Symbol.dispose]() {
      closed = true;
      events?.close();
      quiet?.[Symbol.dispose]();
      timer[Symbol.dispose]();
    },
  };
}

/** Undefined where the directory is absent or cannot be watched: the poll goes on alone. */
function openEvents(directory: string, stir: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, { persistent: false }, stir);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

async function signatureOf(directory: string): Promise<string> {
  try {
    const names = (await readdir(directory)).sort();
    const parts = await Promise.all(
      names.map(async (name) => {
        const { ino, size, mtimeMs, ctimeMs } = await stat(join(directory, name));
        return `${name}/${ino}/${size}/${mtimeMs}/${ctimeMs}`;
      }),
    );
    return parts.join('\n');
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
