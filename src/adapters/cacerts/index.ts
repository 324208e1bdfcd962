import type { PluggedFilesSource } from '../../authority/index.ts';
import type { Clock } from '../../base/clock.ts';
import { readPluggedDirectory } from './read-directory.ts';
import { type WatchTimes, watchDirectory } from './watch-directory.ts';

export { holdsPluggedFiles, readPluggedDirectory } from './read-directory.ts';

/** Istio's `cacerts` directory as a source of CA material. */
export function pluggedDirectory(
  directory: string,
  options: { readonly clock: Clock; readonly times?: WatchTimes },
): PluggedFilesSource {
  return {
    read: () => readPluggedDirectory(directory),
    watch: (changed) => watchDirectory(directory, changed, options),
  };
}
