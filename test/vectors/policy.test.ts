/**
 * The corpus: every file of test/vectors/policy holds policies and a PolicyTest. Each case is put to the engine in the
 * modes that the file lists, to the naive evaluator, which was written from the semantics alone, and, where it has a
 * token, to the engine again with a real one.
 */
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile, evaluate, type PolicySnapshot, verifyRequestTokens } from '../../src/policy/index.ts';
import { findProblems } from '../../src/policy/test/index.ts';
import { evaluateNaively } from '../support/naive/evaluate.ts';
import { requestFromCase, workloadFromCase } from '../support/naive/from-case.ts';
import type { PlainMesh, PlainPolicy } from '../support/naive/model.ts';
import { VectorTokens } from '../support/policy-vector-tokens.ts';
import { type PolicyVectorFile, readVectors, vectorSnapshot } from '../support/policy-vectors.ts';

const files = readVectors();
const now = Date.UTC(2026, 0, 1);
const tokens = new VectorTokens(now);

describe.each(files)('$file', (file) => {
  const { definition, vectors, plainPolicies, plainMesh, plainWorkloads } = file;
  const snapshots = new Map(definition.modes.map((mode) => [mode, vectorSnapshot(file, mode)] as const));

  it('is read without an error, and is named by its sentence', () => {
    expect(file.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(file.title).toBe(basename(file.file, '.yaml'));
    expect(dirname(file.file)).not.toBe('.');
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length);
  });

  for (const vector of vectors)
    for (const mode of definition.modes) {
      const { name, ids, request, written } = vector;
      const suffix = ids.length === 0 ? '' : ` (${ids.join(' ')})`;
      it(`${mode}: ${name}${suffix}`, () => {
        const decision = evaluate(snapshots.get(mode) as PolicySnapshot, request);
        expect(findProblems(vector.expect(mode), decision, request.http?.path)).toEqual([]);
      });
      it(`naive, ${mode}: ${name}`, () => {
        const to = (written.to as string).split(':')[0] as string;
        const decision = evaluateNaively(
          plainPolicies as unknown as PlainPolicy[],
          { ...(plainMesh as PlainMesh), ...definition.settings, strict: mode === 'strict' },
          workloadFromCase(to, plainWorkloads[to] ?? {}),
          requestFromCase(written),
        );
        const { outcome, policy, status, stage } = vector.expect(mode);
        expect(decision.outcome).toBe(outcome);
        if (policy !== undefined) expect(decision.policy ?? 'none').toBe(policy);
        if (stage !== undefined) expect(decision.stage).toBe(stage);
        if (status !== undefined && decision.status !== undefined) expect(decision.status).toBe(status);
      });
    }

  const withTokens = vectors.filter(({ request }) => (request.tokens ?? []).length > 0);
  it.runIf(withTokens.length > 0)('decides alike when the tokens are real', () => decideWithRealTokens(file));
});

async function decideWithRealTokens(file: PolicyVectorFile): Promise<void> {
  const policies = tokens.withKeys(file.policies);
  for (const mode of file.definition.modes) {
    const snapshot = compile(policies, { ...file.engine, strict: mode === 'strict' });
    for (const vector of file.vectors) {
      const request = tokens.realRequest(vector);
      const results = await verifyRequestTokens(snapshot, request, tokens.keySets(vector), now);
      const decision = evaluate(snapshot, { ...request, tokens: results });
      expect([vector.name, mode, outcomeOf(vector.expect(mode), decision)]).toEqual([vector.name, mode, []]);
    }
  }
}

/** What a token's own text does not change. */
function outcomeOf(
  { outcome, reason, stage, policy, status }: ReturnType<PolicyVectorFile['vectors'][number]['expect']>,
  decision: ReturnType<typeof evaluate>,
): readonly string[] {
  const nothing = { grpcStatus: undefined, audit: undefined, body: undefined, detail: undefined, headers: undefined, path: undefined };
  const rest = { forwards: undefined, setHeaders: undefined, removeHeaders: undefined, wouldHave: undefined };
  return findProblems({ outcome, reason, stage, policy, status, ...nothing, ...rest }, decision);
}
