import { defineErrors } from '../../base/errors.ts';

export const agentLinkErrors = defineErrors({
  SERVER_NOT_PINNED: {
    kind: 'precondition',
    message: 'the server does not show a chain that ends in the root with this fingerprint',
    next: 'compare the fingerprint with castellan get roots on the server, or give the agent a bundle file',
  },
  SERVER_CANNOT_BE_REACHED: {
    kind: 'unavailable',
    message: 'the server cannot be reached',
    next: 'check the address of the server and that it runs; the agent tries again',
  },
});
