import { defineErrors } from '../../base/errors.ts';

const explain = 'an operator can look up the reason with castellan explain and the request id of the answer';

export const agentErrors = defineErrors({
  ATTESTATION_FAILED: {
    kind: 'unauthenticated',
    message: 'the node did not prove what it is',
    next: explain,
  },
  ATTESTATION_UNAVAILABLE: {
    kind: 'unavailable',
    message: 'the proof of the node cannot be judged now',
    next: 'call again; what judges it is away',
  },
  ATTESTATION_METHOD_OFF: {
    kind: 'precondition',
    message: 'this way of attestation is not switched on here',
    next: 'use a join token, or set agents.x509Pop or agents.k8sSat at the server',
  },
  AGENT_SVID_REQUIRED: {
    kind: 'unauthenticated',
    message: 'this call needs a node SVID that is in force',
    next: 'connect with the newest node SVID; attest again if it has ended or was refused',
  },
  AGENT_UNAVAILABLE: {
    kind: 'unavailable',
    message: 'the node SVID cannot be judged now',
    next: 'call again; the records cannot be read',
  },
  AGENT_CALL_MALFORMED: {
    kind: 'invalid',
    message: 'the message is not the one that belongs here',
    next: 'send the messages in the order that agent.proto describes',
  },
  AGENT_RATE_LIMITED: {
    kind: 'exhausted',
    message: 'too many calls from this address or agent',
    next: 'wait as long as the answer says, then call again',
  },
  STREAM_REPLACED: {
    kind: 'unavailable',
    message: 'another stream of this agent took the place of this one',
    next: 'use one stream; open it again if it is the newest',
  },
  AUDIENCES_TOO_MANY: {
    kind: 'invalid',
    message: 'more than 32 audiences, or one of more than 1024 characters',
    next: 'ask for a token with fewer audiences, best with one',
  },
  IDENTITY_REVOKED: {
    kind: 'denied',
    message: 'the identity is on the deny list',
    next: 'an operator sees why with `castellan get revocations`',
  },
  IDENTITY_NOT_REGISTERED: {
    kind: 'denied',
    message: 'the identity is not registered under this agent',
    next: 'apply an IdentityRegistration with this agent as parent',
  },
});
