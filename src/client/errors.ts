import { defineErrors } from '../base/errors.ts';

export const clientErrors = defineErrors({
  WORKLOAD_ENDPOINT_UNKNOWN: {
    kind: 'precondition',
    message: 'nothing says where the Workload API is',
    next: 'set SPIFFE_ENDPOINT_SOCKET, such as unix:///run/castellan/workload.sock, or pass `endpoint`',
  },
  WORKLOAD_ENDPOINT_MALFORMED: {
    kind: 'invalid',
    message: 'not the address of a Workload API',
    next: 'write unix:///absolute/path or tcp://IP:PORT',
  },
  WORKLOAD_API_REFUSED: {
    kind: 'denied',
    message: 'the Workload API has no identity for this process',
    next: 'register one: `castellan apply` an IdentityRegistration with selectors that this process shows',
  },
  WORKLOAD_API_UNAVAILABLE: {
    kind: 'unavailable',
    message: 'the Workload API cannot be reached now',
    next: 'see that the agent runs and that its socket is where the endpoint says',
  },
  WORKLOAD_API_UNSUPPORTED: {
    kind: 'unsupported',
    message: 'the Workload API does not offer this',
    next: 'use another agent, or do without',
  },
  WORKLOAD_ANSWER_MALFORMED: {
    kind: 'invalid',
    message: 'the Workload API sent what cannot be used; what was there before is kept',
    next: 'look at the log of the agent',
  },
  SVID_MISSING: {
    kind: 'unavailable',
    message: 'there is no X.509-SVID now',
    next: 'wait for the agent, or see why it gives none',
  },
  SOURCE_CLOSED: {
    kind: 'cancelled',
    message: 'the source was closed',
    next: 'open a new one',
  },
  PEER_NOT_ACCEPTED: {
    kind: 'unauthenticated',
    message: 'the peer did not show an identity that is accepted here',
    next: 'see which SPIFFE ID the peer has and what `authorize` lets in',
  },
});
