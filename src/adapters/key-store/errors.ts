import { defineErrors } from '../../base/errors.ts';

export const keyStoreErrors = defineErrors({
  KEY_CANNOT_UNLOCK: {
    kind: 'precondition',
    message: 'cannot unlock the key',
    next: 'check the passphrase; if it is right the file is damaged: restore it from a backup',
  },
  KEY_FILE_INSECURE: {
    kind: 'precondition',
    message: 'a file with key material is not safe',
    next: 'make it a regular file of the user that runs castellan, readable by no one else (chmod 600)',
  },
  KEY_NOT_ENCRYPTED: {
    kind: 'precondition',
    message: 'the key is not encrypted although a passphrase is given',
    next: 'remove the passphrase setting, or seal the keys: castellan backup --keys, then castellan restore --keys',
  },
  AUTHORITY_CHANGES: {
    kind: 'conflict',
    message: 'the keys changed while they were read',
    next: 'try again: a renewal was under way',
  },
  ARCHIVE_CANNOT_OPEN: {
    kind: 'precondition',
    message: 'the archive of the keys cannot be opened',
    next: 'check the passphrase it was made with; if it is right the file is damaged: take another copy',
  },
  KEY_EXISTS: {
    kind: 'conflict',
    message: 'there is a key of this name already',
    next: 'keep the key that is there; keys are never overwritten',
  },
  PASSPHRASE_MISSING: {
    kind: 'precondition',
    message: 'the keys are encrypted and no passphrase is given',
    next: 'give the passphrase by a file (mode 0400), a file descriptor or an environment variable',
  },
  PASSPHRASE_REFUSED: {
    kind: 'precondition',
    message: 'the passphrase cannot be used',
    next: 'give a passphrase of at least 8 characters, in a file of mode 0400 or by a file descriptor',
  },
  NODE_IDENTITY_DAMAGED: {
    kind: 'precondition',
    message: 'the file with the identity of this node is damaged',
    next: 'remove it and start the agent with a new join token',
  },
});
