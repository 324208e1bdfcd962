import { defineErrors } from '../../base/errors.ts';

export const policyContentErrors = defineErrors({
  NODE_POLICY_UNREADABLE: {
    kind: 'invalid',
    message: 'the policy that the server sent cannot be read by this agent',
    next: 'use agent and server of versions that know each other; the last good policy stays in force',
  },
});
