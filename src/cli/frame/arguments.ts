import { parseDuration } from '../../base/duration.ts';
import { isCastellanError } from '../../base/errors.ts';
import { SpiffeId } from '../../spiffe/index.ts';
import { usageError } from './usage.ts';

/** A duration flag in whole seconds; a malformed one is a usage error. */
export function secondsOf(flag: string, text: string): number {
  try {
    const ms = parseDuration(text);
    if (ms >= 1000) return Math.floor(ms / 1000);
  } catch (error) {
    if (!isCastellanError(error)) throw error;
  }
  throw usageError(`\`${flag} ${text}\` is not a duration of a second or more`, 'write 90s, 15m, 24h or 30d');
}

export function spiffeIdOf(text: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (error) {
    if (isCastellanError(error)) throw usageError(error.publicMessage, error.next);
    throw error;
  }
}

export function choiceOf<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw usageError(`\`${flag} ${text}\`: use one of ${choices.join(', ')}`);
  return found;
}
