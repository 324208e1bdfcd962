import { defineErrors } from '../../base/errors.ts';

export const keySetFetchErrors = defineErrors({
  ISSUER_DISCOVERY_FAILED: {
    kind: 'unavailable',
    message: 'the discovery document of the issuer cannot be used',
    next: 'it must be JSON whose `issuer` is exactly the configured one and whose `jwks_uri` is an https URL',
  },
  KEY_SET_FILE_UNREADABLE: {
    kind: 'unavailable',
    message: 'the key set file cannot be read',
    next: 'check that the file exists, is readable and is not larger than 256 KiB',
  },
});
