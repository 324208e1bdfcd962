import { defineErrors } from '../../base/errors.ts';

export const checkErrors = defineErrors({
  CUSTOM_PROVIDER_RESTING: {
    kind: 'unavailable',
    message:
      'the CUSTOM provider is not asked now: it failed several times in a row, or has too many calls open',
    next: 'look at castellan_authz_custom_requests_total and at the provider; it is tried again by itself',
  },
});
