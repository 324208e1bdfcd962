import { defineErrors } from '../../base/errors.ts';

export const outboundErrors = defineErrors({
  OUTBOUND_URL_REFUSED: {
    kind: 'precondition',
    message: 'the URL may not be asked',
    next: 'use an https URL without user and password; plain http needs its host listed in the settings',
  },
  OUTBOUND_ADDRESS_BLOCKED: {
    kind: 'precondition',
    message: 'the address of the host may not be reached',
    next: 'list the address under outbound.allow if it is meant; loopback and link-local never are by themselves',
  },
  OUTBOUND_ANSWER_REFUSED: {
    kind: 'unavailable',
    message: 'the answer cannot be used',
    next: 'the server must answer 200 with a plain body of bounded size; redirects are not followed',
  },
  OUTBOUND_UNREACHABLE: {
    kind: 'unavailable',
    message: 'the server could not be reached',
    next: 'check the name, the network and the certificate of the server',
  },
});
