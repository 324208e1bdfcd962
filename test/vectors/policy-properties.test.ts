/** The properties of the policy engine over many random policies and requests; a few of each run with the unit tests. */
import { describe, it } from 'vitest';
import {
  differencesHold,
  engineDecidesAsTheNaiveEvaluator,
  explanationsHold,
  pathsAreReadAsTheNaiveEvaluatorReadsThem,
  patternsAreFoundAsTheNaiveEvaluatorFindsThem,
  smallDifferencesHold,
} from '../support/policy-properties.ts';

const patience = 600_000;

describe('the policy engine', () => {
  it(
    'decides 10,000 random requests as the naive evaluator does',
    () => engineDecidesAsTheNaiveEvaluator(10_000),
    patience,
  );

  it(
    'reads 10,000 odd request targets as the naive evaluator does',
    () => pathsAreReadAsTheNaiveEvaluatorReadsThem(10_000),
    patience,
  );

  it(
    'finds the rule among many patterns that the naive evaluator finds',
    () => patternsAreFoundAsTheNaiveEvaluatorFindsThem(2_000),
    patience,
  );

  it(
    'explains 10,000 random decisions as they were made, and every suggestion changes the outcome',
    () => explanationsHold(10_000),
    patience,
  );

  it(
    'finds every difference between random policies, and none that is not there',
    () => differencesHold(60, 60),
    patience,
  );

  it(
    'finds every difference that one policy makes among others',
    () => smallDifferencesHold(60, 60),
    patience,
  );
});
