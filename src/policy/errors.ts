import { defineErrors } from '../base/errors.ts';

export const policyErrors = defineErrors({
  POLICY_NOT_COMPILABLE: {
    kind: 'invalid',
    message: 'a policy cannot be compiled',
    next: 'correct the named field; `castellan lint` shows every finding with file and line',
  },
});
