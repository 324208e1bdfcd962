import { defineErrors } from '../../base/errors.ts';

export const decisionErrors = defineErrors({
  DECISION_UNKNOWN: {
    kind: 'not-found',
    message: 'no such decision is on record',
    next: 'allowed requests are sampled, and old records make room for new ones; see `castellan get decisions`',
  },
});
