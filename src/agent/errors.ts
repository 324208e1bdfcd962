import { defineErrors } from '../base/errors.ts';

export const agentErrors = defineErrors({
  SECURITY_HEADER_MISSING: {
    kind: 'invalid',
    message: 'the metadata `workload.spiffe.io: true` is missing or not exactly that',
    next: 'send it once with every call, as the SPIFFE Workload Endpoint asks',
  },
  WORKLOAD_NOT_ATTESTED: {
    kind: 'denied',
    message: 'it could not be found out which process is calling',
    next: 'call from a process on this host that is still running; the agent log says what could not be read',
  },
  NO_IDENTITY_REGISTERED: {
    kind: 'denied',
    message: 'no identity is registered for this workload',
    next: 'give the request id in x-castellan-request-id to castellan explain: it shows which selectors were found',
  },
  IDENTITY_NOT_ENTITLED: {
    kind: 'denied',
    message: 'this workload is not entitled to the identity it asks for',
    next: 'ask for an identity that FetchX509SVID offers, or have the operator register it',
  },
  AGENT_NOT_READY: {
    kind: 'unavailable',
    message: 'the agent has not heard from its server yet',
    next: 'call again with back-off; castellan check on the agent says what it waits for',
  },
  SVID_NOT_READY: {
    kind: 'unavailable',
    message: 'there is no valid certificate for this workload at the moment',
    next: 'call again with back-off; the agent log says why its server gave none',
  },
  AUDIENCE_MISSING: {
    kind: 'invalid',
    message: 'the request names no audience',
    next: 'name the audience that the token is for or must carry',
  },
  JWT_SVID_MISSING: {
    kind: 'invalid',
    message: 'the request holds no JWT-SVID',
    next: 'send the token that is to be validated',
  },
  JWT_SVID_REFUSED: {
    kind: 'invalid',
    message: 'the JWT-SVID is not acceptable',
    next: 'fetch a new JWT-SVID for this audience from the Workload API',
  },
  PROFILE_UNSUPPORTED: {
    kind: 'unsupported',
    message: 'WIT-SVIDs are not offered here',
    next: 'use X.509-SVIDs or JWT-SVIDs, and do not ask for this profile again',
  },
  STREAM_STALLED: {
    kind: 'exhausted',
    message: 'the stream was ended because its client does not read',
    next: 'open the stream again and read what is sent',
  },
  STREAM_SILENT: {
    kind: 'timeout',
    message: 'the stream was ended because its client never sent a request',
    next: 'open the stream again and send the first request at once',
  },
  TOO_MANY_STREAMS: {
    kind: 'exhausted',
    message: 'too many streams are open at this agent',
    next: 'share one stream in a process, and close those that are not used',
  },
  USER_SHARE_USED_UP: {
    kind: 'exhausted',
    message: 'this user of the node holds its whole share of the agent',
    next: 'share one stream in a process and close those that are not used; the share is agent.maxStreamsPerUser',
  },
  TOO_MANY_NAMES: {
    kind: 'exhausted',
    message: 'the stream asks for more names than one stream may',
    next: 'ask for the names that are needed, or for all with an empty list',
  },
  SECRET_TYPE_UNKNOWN: {
    kind: 'invalid',
    message: 'only resources of the type Secret are served here',
    next: 'send the type URL of envoy.extensions.transport_sockets.tls.v3.Secret, or none',
  },
  SECRET_UNKNOWN: {
    kind: 'not-found',
    message: 'none of the names is a secret that this workload may have',
    next: 'ask for default, ROOTCA, ALL, an identity of this workload or a trust domain of its bundles',
  },
  SERVER_ANSWER_REFUSED: {
    kind: 'unavailable',
    message: 'the server sent something that is not acceptable',
    next: 'look at the alarms of this agent: they say what was wrong; what was held before stays in force',
  },
  NODE_NOT_ADMITTED: {
    kind: 'unauthenticated',
    message: 'the server does not admit this agent',
    next: 'make a new join token with castellan token create --agent and start the agent with it',
  },
  NODE_EVIDENCE_MISSING: {
    kind: 'precondition',
    message: 'this agent has no identity yet and nothing to prove itself with',
    next: 'give a join token file, a machine certificate or a service account token',
  },
});
