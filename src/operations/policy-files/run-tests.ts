import { compile, type Explanation, explain, type PolicySnapshot } from '../../policy/index.ts';
import {
  type CaseResult,
  type Coverage,
  CoverageCollector,
  type Mode,
  type PolicyTestDefinition,
  runPolicyTest,
} from '../../policy/test/index.ts';
import type { AnyResource } from '../../resources/index.ts';
import { settingsOf, type WrittenTest } from './open-files.ts';

/** Tests about one set of policies. */
export interface Suite {
  readonly resources: readonly AnyResource[];
  readonly tests: readonly WrittenTest[];
}

export interface TestOutcome extends CaseResult {
  /** For a case that failed: why the decision is what it is. */
  readonly why: string | undefined;
}

export interface TestReport {
  readonly results: readonly TestOutcome[];
  readonly coverage: Coverage;
}

/** Runs every test on the policies it is about. Throws POLICY_NOT_COMPILABLE where strict mode refuses them. */
export function runSuites(suites: readonly Suite[]): TestReport {
  const reports = suites.map(runSuite);
  const sum = (what: keyof Coverage) => {
    const shares = reports.map(({ coverage }) => coverage[what]);
    return {
      covered: shares.reduce((total, share) => total + share.covered, 0),
      total: shares.reduce((total, share) => total + share.total, 0),
      missing: shares.flatMap(({ missing }) => missing),
    };
  };
  return {
    results: reports.flatMap(({ results }) => results),
    coverage: { rules: sum('rules'), clauses: sum('clauses') },
  };
}

/** Each case is explained, by the very evaluation that decides it: that tells which rules it reached. */
function runSuite({ resources, tests }: Suite): TestReport {
  const snapshots = new Map<string, PolicySnapshot>();
  const coverage = new CoverageCollector();
  const snapshotFor = (mode: Mode, own: PolicyTestDefinition['settings']): PolicySnapshot => {
    const key = JSON.stringify([mode, own]);
    const known = snapshots.get(key);
    if (known !== undefined) return known;
    const made = compile(resources, { ...settingsOf(resources, mode === 'strict'), ...own });
    coverage.declare(made);
    snapshots.set(key, made);
    return made;
  };
  const results = tests.flatMap(({ definition }) => {
    const explanations = new Map<CaseResult['decision'], Explanation>();
    return runPolicyTest(definition, (mode, request) => {
      const explanation = explain(snapshotFor(mode, definition.settings), request, { suggest: false });
      coverage.add(explanation);
      explanations.set(explanation.decision, explanation);
      return explanation.decision;
    }).map((result) => ({
      ...result,
      why: result.passed ? undefined : explanations.get(result.decision)?.sentence,
    }));
  });
  return { results, coverage: coverage.result };
}
