import { defineErrors } from '../base/errors.ts';

export const appErrors = defineErrors({
  STATE_NOT_EMPTY: {
    kind: 'precondition',
    message: 'the state directory is not empty',
    next: 'start the server with what is there, or choose an empty directory',
  },
  STATE_HALF_MADE: {
    kind: 'precondition',
    message: 'the state directory was never finished: its first initialisation was interrupted',
    next: 'run castellan init (or up) again: nothing that is there has been used',
  },
  STAGE_IN_THE_WAY: {
    kind: 'precondition',
    message: 'the directory for the steps is there already',
    next: 'name one that is not there: nothing is overwritten',
  },
  STAGE_NOT_NEEDED: {
    kind: 'precondition',
    message: 'both sets have the same roots',
    next: 'put the new set into place as it is: every peer can verify what it signs',
  },
  BUNDLE_READER_TWICE: {
    kind: 'invalid',
    message: 'two readers of the bundle have one name',
    next: 'give each of bundleEndpoint.readers a name of its own, best its trust domain',
  },
  BUNDLE_READER_TOKEN_WEAK: {
    kind: 'invalid',
    message: 'the secret of a reader of the bundle does not do',
    next: 'use at least 22 letters, digits, - and _, for instance of openssl rand -hex 16',
  },
  SOCKET_PATH_TOO_LONG: {
    kind: 'invalid',
    message: 'the path of a Unix socket is longer than 107 bytes',
    next: 'choose a shorter state directory or set adminSocket',
  },
  SOCKET_IN_THE_WAY: {
    kind: 'precondition',
    message: 'something that is not a socket of ours is where the socket belongs',
    next: 'remove it, or set adminSocket to another path',
  },
  KEY_ARCHIVE_UNREADABLE: {
    kind: 'invalid',
    message: 'the archive of the keys cannot be read',
    next: 'check the path and its permissions',
  },
  BLOCKED_KEYS_MALFORMED: {
    kind: 'invalid',
    message: 'the file of blocked keys is malformed',
    next: 'write one SHA-256 of a public key (SPKI) a line, 64 hexadecimal digits',
  },
  AGENT_CHECKS_NOT_LOCAL: {
    kind: 'precondition',
    message: 'the doors of an agent for proxies are for its own node',
    next: 'set agent.checks.address to a loopback address, or use agent.checks.socket',
  },
  WORKERS_NEED_A_PORT: {
    kind: 'precondition',
    message: 'workers share a port, not a Unix socket',
    next: 'leave out extAuthzSocket, or set workers to 0',
  },
  WORKER_CANNOT_START: {
    kind: 'precondition',
    message: 'a worker could not start',
    next: 'see the message and the log; with workers 0 the server answers proxies itself',
  },
  AGENT_TRUST_MISSING: {
    kind: 'precondition',
    message: 'the agent does not know by which roots to believe its server',
    next: 'give it agent.bundleFile, or agent.rootFingerprint as castellan get roots prints it',
  },
});
