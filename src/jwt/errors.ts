import { defineErrors } from '../base/errors.ts';

export const jwtErrors = defineErrors({
  KEY_SET_MALFORMED: {
    kind: 'invalid',
    message: 'not a JSON Web Key Set',
    next: 'serve a JSON object with an array `keys` of public keys, each kid at most once (RFC 7517)',
  },
});
