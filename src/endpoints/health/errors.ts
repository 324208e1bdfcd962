import { defineErrors } from '../../base/errors.ts';

export const healthErrors = defineErrors({
  SERVICE_UNKNOWN: {
    kind: 'not-found',
    message: 'no such service is served here',
    next: 'ask for castellan.ca, or for the empty name that means the whole server',
  },
  TOO_MANY_WATCHERS: {
    kind: 'exhausted',
    message: 'too many callers watch the health of this server',
    next: 'use Check, or watch the readiness probe',
  },
});
