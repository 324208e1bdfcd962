import { defineErrors } from '../base/errors.ts';

export const identityErrors = defineErrors({
  IDENTITY_TEMPLATE_MALFORMED: {
    kind: 'invalid',
    message: 'not an identity template',
    next: 'write spiffe://{trustDomain}/ and segments, each fixed text or one claim, such as /ns/{claims.namespace}/sa/{claims.account}',
  },
});
