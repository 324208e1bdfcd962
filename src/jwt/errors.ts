import { defineErrors } from '../base/errors.ts';

export const jwtErrors = defineErrors({
  KEY_SET_MALFORMED: {
    kind: 'invalid',
    message: 'not a JSON Web Key Set',
    next: 'serve a JSON object with an array `keys` of public keys, each kid at most once (RFC 7517)',
  },
  JWT_AUDIENCE_MISSING: {
    kind: 'invalid',
    message: 'a JWT-SVID needs an audience',
    next: 'name at least one audience, and no empty one',
  },
  JWT_SIGNER_FAILED: {
    kind: 'internal',
    message: 'a new token does not verify with the key that signed it',
    next: 'look up the request id in the server log; the key store may be damaged',
  },
});
