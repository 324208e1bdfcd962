import type { Clock } from '../../base/clock.ts';
import type { PolicyDirectory } from '../../operations/policy-directory/index.ts';
import { readPolicyDirectory } from './read-directory.ts';
import { watchPolicyDirectory } from './watch-directory.ts';

/** A directory on disk; also one that a symlink swap replaces whole, as kubelet and git-sync do. */
export function policyDirectory(directory: string, clock: Clock): PolicyDirectory {
  return {
    read: () => readPolicyDirectory(directory),
    watch: (changed) => watchPolicyDirectory(directory, changed, clock),
  };
}
