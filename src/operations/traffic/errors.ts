import { defineErrors } from '../../base/errors.ts';

export const trafficErrors = defineErrors({
  TRAFFIC_MALFORMED: {
    kind: 'invalid',
    message: 'the traffic counts of the node cannot be read',
    next: 'use agent and server of versions that know each other; nothing of the message was kept',
  },
});
