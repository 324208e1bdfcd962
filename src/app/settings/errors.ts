import { defineErrors } from '../../base/errors.ts';

export const settingsErrors = defineErrors({
  SETTING_UNKNOWN: {
    kind: 'invalid',
    message: 'unknown setting',
    next: 'see docs/reference/settings.md for every setting',
  },
  SETTING_INVALID: {
    kind: 'invalid',
    message: 'the setting has a value that is not allowed',
    next: 'see docs/reference/settings.md for what it takes',
  },
  SETTING_SECRET_INLINE: {
    kind: 'invalid',
    message: 'a secret does not belong in the settings file',
    next: 'put it in a file of mode 0600 and name that file, or name an environment variable',
  },
  SETTINGS_FILE_UNREADABLE: {
    kind: 'invalid',
    message: 'the settings file cannot be read',
    next: 'check the path, its permissions and its syntax',
  },
  SETTINGS_FILE_UNSAFE: {
    kind: 'precondition',
    message: 'the settings file can be changed by others',
    next: 'chmod o-w the file, and let it belong to root or to the user that runs castellan',
  },
  SETTING_SECRET_SOURCE_UNSAFE: {
    kind: 'precondition',
    message: 'the secret file can be read by others',
    next: 'chmod 0600 the file, and let it be a plain file of the user that runs castellan',
  },
  SETTING_SECRET_MISSING: {
    kind: 'precondition',
    message: 'the secret that the settings name is not there',
    next: 'create the file or set the environment variable, then start again',
  },
});
