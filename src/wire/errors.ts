import { defineErrors } from '../base/errors.ts';

export const wireErrors = defineErrors({
  MESSAGE_MALFORMED: {
    kind: 'invalid',
    message: 'the request message is not the protobuf message this method takes',
    next: 'send the message that the service definition names, uncompressed',
  },
  READER_STALLED: {
    kind: 'unavailable',
    message: 'the far end does not read',
    next: 'read the stream as it comes, and open it again',
  },
  BODY_MALFORMED: {
    kind: 'invalid',
    message: 'the request body cannot be read',
    next: 'send one JSON document that fits the schema of this route',
  },
  BODY_TOO_LARGE: {
    kind: 'invalid',
    message: 'the request body is too large',
    next: 'send less at once; the limit is in the reference of this route',
  },
  CONTENT_TYPE_UNSUPPORTED: {
    kind: 'invalid',
    message: 'the content type is not supported',
    next: 'send `content-type: application/json`',
  },
  ROUTE_NOT_FOUND: {
    kind: 'not-found',
    message: 'there is nothing at this path',
    next: 'look up the path in the API reference',
  },
  SERVER_DRAINING: {
    kind: 'unavailable',
    message: 'the server is shutting down',
    next: 'call again; another instance or the restarted one will answer',
  },
  TOO_MANY_REQUESTS: {
    kind: 'exhausted',
    message: 'too many requests from this source',
    next: 'wait as long as the answer says, then call again',
  },
  LISTENER_NOT_LOOPBACK: {
    kind: 'precondition',
    message: 'a plaintext listener may only be bound to a loopback address',
    next: 'bind it to 127.0.0.1 or ::1, or use the TLS listener',
  },
  LISTENER_CANNOT_BIND: {
    kind: 'precondition',
    message: 'the listener cannot be bound',
    next: 'free the address, or choose another port (0 takes any free one)',
  },
  SOCKET_DIRECTORY_UNSAFE: {
    kind: 'precondition',
    message: 'others could put a socket of theirs in the place of this one',
    next: 'choose a directory that belongs to the user of the agent and that nobody else may write to',
  },
});
