import { policyDirectory } from '../adapters/policy-directory/index.ts';
import type { Metrics } from '../adapters/telemetry/index.ts';
import { DirectorySource, releaseDirectory } from '../operations/policy-directory/index.ts';
import type { Environment } from './environment.ts';
import type { Settings } from './settings/index.ts';
import type { State } from './state.ts';

export interface PolicyDirectoryParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly state: State;
  readonly metrics: Metrics;
  readonly stack: AsyncDisposableStack;
}

/** D19: the directory of the settings in the store, and kept there; undefined where there is none. */
export async function openPolicyDirectory(parts: PolicyDirectoryParts): Promise<DirectorySource | undefined> {
  const { settings, environment, state, metrics, stack } = parts;
  const { clock, random } = environment;
  const logger = environment.logger.scoped('policy');
  const { resources } = state.store;
  const title = settings.policy.directory;
  if (title === undefined) {
    const released = await releaseDirectory(resources, environment);
    if (released > 0)
      logger.warn('no policy directory is configured any more; what one held stays and may be changed', {
        resources: released,
      });
    return undefined;
  }
  const source = stack.use(
    await DirectorySource.open({
      title,
      directory: policyDirectory(title, clock),
      store: resources,
      clock,
      random,
      logger,
      stopwatch: () => performance.now(),
    }),
  );
  metrics.sample((set) => {
    const { problem, files, resources: held, failures } = source.status();
    set('castellan_policy_directory_in_force', problem === undefined ? 1 : 0);
    set('castellan_policy_directory_files', files);
    set('castellan_policy_directory_resources', held);
    set('castellan_policy_directory_failures_total', failures);
  });
  return source;
}
