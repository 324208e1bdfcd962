import { defineErrors } from '../base/errors.ts';

export const spiffeErrors = defineErrors({
  TRUST_DOMAIN_MALFORMED: {
    kind: 'invalid',
    message: 'not a trust domain name',
    next: 'use 1 to 255 characters of a-z, 0-9, dot, dash and underscore, such as cluster.local',
  },
  SPIFFE_ID_MALFORMED: {
    kind: 'invalid',
    message: 'not a SPIFFE ID',
    next: 'write spiffe://<trust domain>/<path>, such as spiffe://cluster.local/ns/shop/sa/cart',
  },
  SELECTOR_MALFORMED: {
    kind: 'invalid',
    message: 'not a selector',
    next: 'write <type>:<value>, such as unix:uid:1000 or k8s:ns:shop',
  },
});
