import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDiff } from '../../../test/support/diff-check.ts';
import { requests, resources, settings } from '../../../test/support/policy-arbitraries.ts';
import { compile } from '../compile/steps.ts';

describe('diffSnapshots', () => {
  it('claims only what evaluate decides, and misses no request that it decides differently', () => {
    fc.assert(
      fc.property(
        resources,
        resources,
        settings,
        fc.array(requests, { minLength: 20, maxLength: 20 }),
        (was, is, engine, asked) => {
          expect(checkDiff(compile(was, engine), compile(is, engine), asked)).toEqual([]);
        },
      ),
      { numRuns: 6 },
    );
  });
});
