import { type ClosableLogger, jsonLogger, textLogger } from '../../adapters/telemetry/index.ts';
import { type Environment, systemEnvironment } from '../../app/environment.ts';
import { buildInfo, type LoadedSettings } from '../../app/settings/index.ts';
import { settleMemory } from '../../app/settle-memory.ts';
import { type ErrorKind, isCastellanError } from '../../base/errors.ts';
import { exitCodes, overrideExitCode } from './exit-codes.ts';
import type { VerbContext } from './verb.ts';

/** The log of a server: lines for people on a terminal, JSON anywhere else; always on standard error. */
export function openLogger({ io, global }: VerbContext, { settings }: LoadedSettings): ClosableLogger {
  const { level, scopes } = settings.logging;
  if (io.stderrIsTerminal) {
    const colors = global.color !== 'never' && (io.env.NO_COLOR ?? '') === '';
    return textLogger(io.stderr, { level, scopes, colors });
  }
  const always = { trust_domain: settings.trustDomain, version: buildInfo().version };
  return jsonLogger({ level, scopes, always });
}

/** Errors that another try may cure: the address or the state directory is still in use. */
const passing = new Set(['LISTENER_CANNOT_BIND', 'STORE_LOCKED']);
const configuration: readonly ErrorKind[] = ['invalid', 'precondition', 'conflict', 'not-found', 'denied'];

/** What stops a start is the configuration or the state directory (78), unless another try may cure it (75). */
export async function starting<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (isCastellanError(error)) {
      if (passing.has(error.code)) overrideExitCode(error, exitCodes.tryAgain);
      else if (configuration.includes(error.kind)) overrideExitCode(error, exitCodes.badConfiguration);
    }
    throw error;
  }
}

/** Resolves when the command is told to stop. */
function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** What runs until it is told to stop. */
interface Service extends AsyncDisposable {
  readonly endpoints: object;
  /** Sentences an operator should read at the start. */
  readonly notices: readonly string[];
  close(): Promise<void>;
}

interface Served<S extends Service> {
  readonly start: (environment: Environment) => Promise<S>;
  /** Says that it is ready; the log does when this is left out. */
  readonly announce?: (running: S) => void;
}

/** The life of a long-running verb: start, say so, serve until told to stop, close in order. */
export async function serve<S extends Service>(
  context: VerbContext,
  loaded: LoadedSettings,
  { start, announce }: Served<S>,
): Promise<undefined> {
  const logger = openLogger(context, loaded);
  try {
    await using running = await starting(() => start(systemEnvironment(logger)));
    if (announce !== undefined) announce(running);
    else {
      for (const notice of running.notices) logger.warn(notice);
      logger.info('ready', { ...running.endpoints });
    }
    settleMemory();
    await stopped(context.signal);
    if (announce === undefined) logger.info('stopping');
    await running.close();
  } finally {
    logger.close();
  }
}
