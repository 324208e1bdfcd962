import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compile } from '../../../src/policy/index.ts';
import { checkDiff } from '../../support/diff-check.ts';
import { requests, resources, settings } from '../../support/policy-arbitraries.ts';

it('a diff of two snapshots claims only what is real, and every request that they decide differently falls under an entry', {
  timeout: 600_000,
}, () => {
  const asked = fc.array(requests, { minLength: 40, maxLength: 40 });
  fc.assert(
    fc.property(resources, resources, settings, asked, (was, is, engine, requestsAsked) => {
      expect(checkDiff(compile(was, engine), compile(is, engine), requestsAsked)).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

it('a diff between two settings (normalisation, strict) is real and complete as well', {
  timeout: 600_000,
}, () => {
  const asked = fc.array(requests, { minLength: 40, maxLength: 40 });
  fc.assert(
    fc.property(resources, settings, settings, asked, (given, was, is, requestsAsked) => {
      expect(checkDiff(compile(given, was), compile(given, is), requestsAsked)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});
