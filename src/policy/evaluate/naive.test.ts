import { describe, it } from 'vitest';
import { engineDecidesAsTheNaiveEvaluator } from '../../../test/support/policy-properties.ts';

describe('evaluate', () => {
  it('decides as a second evaluator does, which was written from the semantics alone', () =>
    engineDecidesAsTheNaiveEvaluator(1_000));
});
