import { defineErrors } from '../../base/errors.ts';

export const cliErrors = defineErrors({
  USAGE: {
    kind: 'invalid',
    message: 'that is not how the command is used',
    next: 'castellan help',
  },
  SECRET_ON_COMMAND_LINE: {
    kind: 'invalid',
    message: 'a secret does not belong on the command line, where every process can read it',
    next: 'put it in a file and pass the matching --…-file flag, or set the matching CASTELLAN_…_FILE variable',
  },
  INPUT_UNREADABLE: {
    kind: 'invalid',
    message: 'the input file cannot be read',
    next: 'check the path and its permissions',
  },
  OUTPUT_UNWRITABLE: {
    kind: 'denied',
    message: 'the output file cannot be written',
    next: 'check that the directory exists and may be written',
  },
  SERVER_NOT_FOUND: {
    kind: 'unavailable',
    message: 'no castellan server is known here',
    next: 'start one with `castellan up`, or name it with --server',
  },
  SERVER_UNREACHABLE: {
    kind: 'unavailable',
    message: 'the castellan server does not answer',
    next: 'check that it runs: castellan check',
  },
  SERVER_UNTRUSTED: {
    kind: 'denied',
    message: 'the socket is owned by somebody else',
    next: 'run the command as the owner of the server, or remove the socket',
  },
  SERVER_ANSWER_MALFORMED: {
    kind: 'internal',
    message: 'the server sent an answer this client does not understand',
    next: 'compare `castellan version` with the version of the server',
  },
  POLICY_FILES_REFUSED: {
    kind: 'invalid',
    message: 'the policies in the files have errors: nothing was decided',
    next: 'correct them as said above; castellan lint FILES says why each matters',
  },
  NO_POLICY_TESTS: {
    kind: 'invalid',
    message: 'there is no PolicyTest among the files',
    next: 'write one beside the policies: castellan help test',
  },
  CERTIFICATE_WRONG: {
    kind: 'internal',
    message: 'the certificate that came back is not what was asked for, and was not written',
    next: 'do not use it; report this with the request id of the audit log',
  },
  CLOCKS_DISAGREE: {
    kind: 'unavailable',
    message:
      'by the clock of this machine the certificate that came back is not valid now, and was not written',
    next: 'set the clock right, here or at the server, and ask again',
  },
  PEER_UNREACHABLE: {
    kind: 'unavailable',
    message: 'the address shows no certificate',
    next: 'check host and port, and that it speaks TLS',
  },
});
