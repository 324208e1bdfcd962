import { join } from 'node:path';
import type { Settings } from './settings/index.ts';

/** Where everything lies in the state directory. */
export interface StatePaths {
  readonly directory: string;
  readonly authority: string;
  readonly checkpoints: string;
  /** Bearer token of the admin API, made at the first start. */
  readonly operatorToken: string;
  /** One that may read only. */
  readonly viewerToken: string;
  readonly adminSocket: string;
  readonly endpoints: string;
  /** What named readers of the bundle hold. */
  readonly bundleReaders: string;
  /** There while a first start is under way: what lies beside it has never been used. */
  readonly initialising: string;
}

export function statePaths(settings: Settings): StatePaths {
  const { stateDir: directory } = settings;
  return {
    directory,
    authority: join(directory, 'authority'),
    checkpoints: settings.audit.checkpointFile ?? join(directory, 'audit-checkpoints.jsonl'),
    operatorToken: join(directory, 'operator-token'),
    viewerToken: join(directory, 'viewer-token'),
    adminSocket: settings.adminSocket ?? join(directory, 'run', 'admin.sock'),
    endpoints: join(directory, 'endpoints.json'),
    bundleReaders: join(directory, 'bundle-readers.json'),
    initialising: join(directory, 'initialising'),
  };
}
