export { type Coverage, CoverageCollector, type Share } from './coverage.ts';
export { formatJunit } from './junit.ts';
export type {
  CaseResult,
  Expectation,
  MatrixCell,
  Mode,
  PolicyTestCase,
  PolicyTestDefinition,
} from './model.ts';
export { readPolicyTest } from './read.ts';
export { type Decide, expected, findProblems, runPolicyTest } from './run.ts';
