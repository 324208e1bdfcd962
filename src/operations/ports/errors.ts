import { defineErrors } from '../../base/errors.ts';

export const storeErrors = defineErrors({
  STORE_UNAVAILABLE: {
    kind: 'unavailable',
    message: 'the store cannot be written now',
    next: 'try again; `castellan check` says what is wrong with the store',
  },
  STORE_OVERLOADED: {
    kind: 'exhausted',
    message: 'too many writes are waiting',
    next: 'wait and try again with back-off',
  },
  SERIAL_TAKEN: {
    kind: 'conflict',
    message: 'a certificate with this serial is on record',
    next: 'draw another serial and sign again',
  },
  IDEMPOTENCY_CONFLICT: {
    kind: 'conflict',
    message: 'the idempotency key was used with another request',
    next: 'use a new idempotency key for a new CSR',
  },
  JOIN_TOKEN_TAKEN: {
    kind: 'conflict',
    message: 'this join token exists',
    next: 'make another join token',
  },
  NODE_BANNED: {
    kind: 'denied',
    message: 'this node is banned',
    next: 'an operator lifts a ban with `castellan agent unban`',
  },
  NODE_NOT_ATTESTED: {
    kind: 'unauthenticated',
    message: 'the agent is not attested, or was evicted',
    next: 'attest again',
  },
  NODE_UNKNOWN: {
    kind: 'not-found',
    message: 'there is no such agent',
    next: 'list them: castellan get agents',
  },
  RESOURCE_VERSION_CONFLICT: {
    kind: 'conflict',
    message: 'the resource has changed since it was read',
    next: 'read it again, redo the change, and apply that',
  },
  STORE_LOCKED: {
    kind: 'precondition',
    message: 'another server uses this state directory',
    next: 'stop the other server, or give this one a state directory of its own',
  },
  STORE_MISSING: {
    kind: 'precondition',
    message: 'there is no database in the state directory',
    next: 'run `castellan init` for a new one, or `castellan restore` to bring one back',
  },
  BACKUP_MISSING: {
    kind: 'not-found',
    message: 'there is no such backup',
    next: 'name a file that `castellan backup` wrote',
  },
  STORE_EXISTS: {
    kind: 'precondition',
    message: 'there is a database in the state directory',
    next: 'use an empty state directory',
  },
  STORE_NEWER: {
    kind: 'precondition',
    message: 'the database was written by a newer castellan',
    next: 'run that version or a newer one; schemas only move forward',
  },
  STORE_DAMAGED: {
    kind: 'precondition',
    message: 'the database is damaged',
    next: 'keep the files, and bring back the last backup with `castellan restore`',
  },
  STORE_ROLLED_BACK: {
    kind: 'precondition',
    message: 'the database is older than its last audit checkpoint',
    next: 'bring back the newest backup with `castellan restore`, or accept the loss: `castellan restore --accept-loss`',
  },
  STORE_UNSUITABLE: {
    kind: 'precondition',
    message: 'the state directory is not fit for a database',
    next: 'use a directory on a local disk that only this account can write',
  },
  CLOCK_UNTRUSTED: {
    kind: 'unavailable',
    message: 'the clock cannot be trusted now',
    next: 'set the clock right, then run `castellan check --accept-clock`',
  },
});
