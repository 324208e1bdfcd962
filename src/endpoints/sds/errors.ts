import { defineErrors } from '../../base/errors.ts';

export const sdsErrors = defineErrors({
  SDS_TYPE_UNKNOWN: {
    kind: 'invalid',
    message: 'only secrets are served here',
    next: 'ask for type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  },
  SDS_TOO_MANY_NAMES: {
    kind: 'invalid',
    message: 'the request names too many secrets',
    next: 'ask for the secrets of this workload only: default, ROOTCA, ALL, SPIFFE IDs and trust domains',
  },
  SDS_NOTHING_FOUND: {
    kind: 'not-found',
    message: 'none of the secrets asked for is there',
    next: 'ask for default, ROOTCA, ALL, a SPIFFE ID of this workload or a trust domain it federates with',
  },
});
