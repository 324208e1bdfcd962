import { initialise, isFresh } from './initialise.ts';
import { type RunningServer, type ServerOptions, startServer } from './server.ts';

/** `castellan up`: the same server, which makes its authority first when the state directory is empty. */
export async function startUp(options: ServerOptions): Promise<RunningServer & { readonly isNew: boolean }> {
  const { settings } = options.loaded;
  const isNew = isFresh(settings);
  if (isNew) await initialise(settings, options.environment);
  return Object.assign(await startServer(options), { isNew });
}
