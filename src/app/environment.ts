import { systemClock } from '../adapters/system/clock.ts';
import { systemRandom } from '../adapters/system/random.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';

/** The ports that everything shares. Tests bring their own clock, randomness and logger. */
export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Environment variables, for secrets that settings refer to. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

export function systemEnvironment(logger: Logger): Environment {
  return { clock: systemClock, random: systemRandom, logger, variables: process.env };
}
