import { defineErrors } from '../../base/errors.ts';

export const customProviderErrors = defineErrors({
  CUSTOM_PROVIDER_UNREACHABLE: {
    kind: 'unavailable',
    message: 'the CUSTOM provider could not be asked',
    next: 'check its service and port in MeshConfig, policy.providers and outbound.allow in the settings, and the network',
  },
  CUSTOM_PROVIDER_ANSWER_REFUSED: {
    kind: 'unavailable',
    message: 'the answer of the CUSTOM provider cannot be used',
    next: 'it must be an answer of the ext_authz protocol that MeshConfig names for it',
  },
});
