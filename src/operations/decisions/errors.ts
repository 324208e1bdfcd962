import { defineErrors } from '../../base/errors.ts';

export const decisionErrors = defineErrors({
  DECISION_UNKNOWN: {
    kind: 'not-found',
    message: 'no such decision is on record',
    next: 'allowed requests are sampled, and old records make room for new ones; see `castellan get decisions`',
  },
  DECISIONS_MALFORMED: {
    kind: 'invalid',
    message: 'the decision records of the node cannot be read',
    next: 'use agent and server of versions that know each other; nothing of the message was kept',
  },
  SIMULATION_BUSY: {
    kind: 'exhausted',
    message: 'another simulation is running',
    next: 'try again when it is done',
  },
  SIMULATION_NOT_READY: {
    kind: 'unavailable',
    message: 'no policy is in force yet to compare with',
    next: 'see `castellan check`: stored resources may not compile',
  },
});
