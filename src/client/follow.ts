import { type Clock, sleep } from '../base/clock.ts';
import { asCastellanError, type CastellanError } from '../base/errors.ts';
import { type Random, unitInterval } from '../base/random.ts';

export interface FollowOptions<T> {
  readonly open: (signal: AbortSignal) => AsyncIterable<T>;
  /** Throws when the message cannot be used: it is passed over and the stream goes on (W-09). */
  readonly take: (message: T) => void;
  readonly failed: (error: CastellanError) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

const firstDelayMs = 250;
const longestDelayMs = 30_000;

/** A stream that lived so long was a good one: the next try comes at once (W-03). */
const goodAfterMs = 5_000;

/** Keeps a stream open until the signal aborts or the far end says that trying again is of no use (E-12, E-13). */
export async function follow<T>(options: FollowOptions<T>): Promise<void> {
  const { clock, random, signal } = options;
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = clock.bootTime();
    const error = await readOnce(options);
    if (signal.aborted) return;
    if (error !== undefined) options.failed(error);
    if (error !== undefined && isFinal(error)) return;
    failures = clock.bootTime() - startedAt >= goodAfterMs ? 0 : failures + 1;
    if (failures === 0) continue;
    const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** (failures - 1));
    await sleep(clock, delay * (0.5 + unitInterval(random) / 2), signal).catch(() => undefined);
  }
}

async function readOnce<T>(options: FollowOptions<T>): Promise<CastellanError | undefined> {
  try {
    for await (const message of options.open(options.signal)) takeOne(options, message);
    return undefined;
  } catch (error) {
    return asCastellanError(error);
  }
}

function takeOne<T>({ take, failed }: FollowOptions<T>, message: T): void {
  try {
    take(message);
  } catch (error) {
    failed(asCastellanError(error));
  }
}

const isFinal = ({ kind }: CastellanError) => kind === 'unsupported' || kind === 'invalid';
