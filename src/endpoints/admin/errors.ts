import { defineErrors } from '../../base/errors.ts';

export const adminErrors = defineErrors({
  OPERATOR_UNAUTHENTICATED: {
    kind: 'unauthenticated',
    message: 'the admin API needs an operator token',
    next: 'send the token of the server’s state directory as `authorization: Bearer …`, or use its Unix socket',
  },
  OPERATOR_NOT_PERMITTED: {
    kind: 'denied',
    message: 'this token may read and not change',
    next: 'use the admin token',
  },
  OPERATOR_LOCKED_OUT: {
    kind: 'exhausted',
    message: 'too many wrong tokens from this address',
    next: 'wait as long as the answer says, then use the right token',
  },
  VERSION_MALFORMED: {
    kind: 'invalid',
    message: 'the version in if-match or if-none-match cannot be read',
    next: 'send the version you read in quotes, as in `if-match: "12"`, or `if-none-match: *` to create only',
  },
  VERSION_MISSING: {
    kind: 'precondition',
    message: 'the resource exists, and the request does not say which version it changes',
    next: 'read it, then send its version as `if-match: "12"`',
  },
});
