import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkExplanation } from '../../../test/support/explanation-check.ts';
import { requests, resources, settings } from '../../../test/support/policy-arbitraries.ts';
import { compile } from '../compile/steps.ts';

describe('explain', () => {
  it('never disagrees with evaluate, and every suggestion does what it says', () => {
    fc.assert(
      fc.property(resources, settings, requests, (given, engine, request) => {
        expect(checkExplanation(compile(given, engine), given, request)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});
