import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compile } from '../../../src/policy/index.ts';
import { checkExplanation } from '../../support/explanation-check.ts';
import { requests, resources, settings } from '../../support/policy-arbitraries.ts';

it('explain and evaluate agree on 10,000 random pairs, and every suggestion flips the outcome', {
  timeout: 600_000,
}, () => {
  fc.assert(
    fc.property(resources, settings, requests, (given, engine, request) => {
      expect(checkExplanation(compile(given, engine), given, request)).toEqual([]);
    }),
    { numRuns: 10_000 },
  );
});
