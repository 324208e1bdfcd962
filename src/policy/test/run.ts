import type { Decision } from '../decision.ts';
import type { AuthzRequest } from '../request.ts';
import type { CaseResult, Expectation, Mode, PolicyTestCase, PolicyTestDefinition } from './model.ts';

/** How a request is decided in a mode: `evaluate` on the snapshot compiled for it. */
export type Decide = (mode: Mode, request: AuthzRequest) => Decision;

/** Runs every case in every mode of the test. */
export function runPolicyTest(definition: PolicyTestDefinition, decide: Decide): readonly CaseResult[] {
  return definition.modes.flatMap((mode) =>
    definition.cases.map((one) => {
      const decision = decide(mode, one.request);
      const problems = findProblems(expected(one, mode), decision, one.request.http?.path);
      return Object.freeze({
        test: definition.title,
        name: one.name,
        mode,
        file: one.node.file,
        line: one.node.line,
        passed: problems.length === 0,
        problems,
        decision,
        cell: one.cell,
      });
    }),
  );
}

export function expected(one: PolicyTestCase, mode: Mode): Expectation {
  return mode === 'strict' ? (one.expectStrict ?? one.expect) : one.expect;
}

/** One line per expectation that the decision does not meet; `sent` is the request target as it came. */
export function findProblems(expect: Expectation, decision: Decision, sent?: string): readonly string[] {
  const problems: string[] = [];
  const check = (what: string, wanted: string | number | undefined, got: string | number | undefined) => {
    if (wanted !== undefined && wanted !== got)
      problems.push(`${what}: wanted ${wanted}, got ${got ?? 'none'}`);
  };
  check('outcome', expect.outcome, decision.outcome);
  check('reason', expect.reason, decision.reason);
  check('stage', expect.stage, decision.stage);
  check('policy', expect.policy, decision.policyId ?? 'none');
  check('audit', expect.audit, decision.auditPolicyId ?? 'none');
  check('status', expect.status, decision.effects.response?.status);
  check('gRPC status', expect.grpcStatus, decision.effects.response?.grpcStatus);
  check('body', expect.body, decision.effects.response?.body);
  check('detail', expect.detail, decision.effects.response?.detail);
  for (const [name, value] of expect.headers ?? [])
    check(
      `answer's header ${name}`,
      value,
      decision.effects.response?.headers.find((h) => h.name === name.toLowerCase())?.value,
    );
  check('path', expect.path, decision.path);
  if (expect.forwards !== undefined) check('forwards', expect.forwards, decision.effects.path ?? sent);
  for (const [name, value] of expect.setHeaders ?? [])
    check(
      `header ${name}`,
      value,
      decision.effects.setHeaders.find((h) => h.name === name.toLowerCase())?.value,
    );
  for (const name of expect.removeHeaders ?? [])
    if (!decision.effects.removeHeaders.includes(name.toLowerCase()))
      problems.push(`header ${name}: wanted removed`);
  if (expect.wouldHave !== undefined) {
    check('would have', expect.wouldHave.outcome, decision.wouldHave?.outcome ?? decision.outcome);
    check('would-have policy', expect.wouldHave.policy, decision.wouldHave?.policyId ?? 'none');
  }
  return problems;
}
