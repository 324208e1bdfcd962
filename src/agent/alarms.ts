import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';

/** Something an operator of this node should look at. */
export interface AgentAlarm {
  readonly code: AgentAlarmCode;
  /** What it is about: an identity, a file, the link. */
  readonly subject: string;
  readonly message: string;
  readonly since: number;
}

export type AgentAlarmCode =
  | 'answer_refused'
  | 'renewal_failing'
  | 'update_refused'
  | 'node_renewal_failing'
  | 'server_unreachable'
  | 'not_admitted'
  | 'disk'
  | 'workload_socket'
  | 'workload_files';

const maxAlarms = 1_000;

/** What is wrong now: raised, and lowered when it is over. Each is logged once in each direction. */
export class AgentAlarms {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #raised = new Map<string, AgentAlarm>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  list(): readonly AgentAlarm[] {
    return [...this.#raised.values()];
  }

  raise(code: AgentAlarmCode, subject: string, message: string): void {
    const key = `${code} ${subject}`;
    const before = this.#raised.get(key);
    if (before?.message === message) return;
    if (before === undefined && this.#raised.size >= maxAlarms) return;
    this.#raised.set(key, { code, subject, message, since: before?.since ?? this.#clock.now() });
    this.#logger.error('alarm', { code, subject, detail: message });
  }

  lower(code: AgentAlarmCode, subject: string): void {
    if (this.#raised.delete(`${code} ${subject}`)) this.#logger.info('alarm is over', { code, subject });
  }
}
