import { describe, it } from 'vitest';
import {
  engineDecidesAsTheNaiveEvaluator,
  pathsAreReadAsTheNaiveEvaluatorReadsThem,
  patternsAreFoundAsTheNaiveEvaluatorFindsThem,
} from '../../../test/support/policy-properties.ts';

describe('evaluate, beside a second evaluator that was written from the semantics alone', () => {
  it('decides the same', () => engineDecidesAsTheNaiveEvaluator(100));

  it('reads paths the same', () => pathsAreReadAsTheNaiveEvaluatorReadsThem(100));

  it('finds the same rule among many patterns', () => patternsAreFoundAsTheNaiveEvaluatorFindsThem(100));
});
