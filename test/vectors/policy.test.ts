/**
 * The corpus: every file of test/vectors/policy holds policies and a PolicyTest. Each case is put to the engine in the
 * modes that the file lists, and to the naive evaluator, which was written from the semantics alone.
 */
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile, evaluate, type PolicySnapshot } from '../../src/policy/index.ts';
import { readPolicyTest, runPolicyTest } from '../../src/policy/test/index.ts';
import { parseResources } from '../../src/resources/index.ts';
import { evaluateNaively } from '../support/naive/evaluate.ts';
import { requestFromCase, workloadFromCase } from '../support/naive/from-case.ts';
import type { PlainMesh, PlainPolicy } from '../support/naive/model.ts';

const root = join(import.meta.dirname, 'policy');
const files = globSync('**/*.yaml', { cwd: root }).sort();

type Plain = Record<string, unknown>;

describe.each(files)('%s', (file) => {
  const { parsed, resources, findings } = parseResources(readFileSync(join(root, file), 'utf8'), { file });
  const test = resources.find((resource) => resource.kind === 'PolicyTest');
  if (test === undefined) throw new TypeError(`${file} has no PolicyTest`);
  const { definition, findings: problems } = readPolicyTest(test);

  it('is read without an error, and is named by its sentence', () => {
    expect([...findings, ...problems].filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(test.metadata.name).toBe(basename(file, '.yaml'));
    expect(dirname(file)).not.toBe('.');
  });

  const mesh = resources.find((resource) => resource.kind === 'MeshConfig')?.spec;
  const settings = mesh === undefined ? {} : { mesh };
  const snapshotOf = { default: compile(resources, settings), strict: undefined as PolicySnapshot | undefined };
  // Strict mode refuses some policies as a whole (Z20), so it is compiled only where the file asks for it.
  if (definition.modes.includes('strict')) snapshotOf.strict = compile(resources, { ...settings, strict: true });
  const results = runPolicyTest(definition, (mode, request) => evaluate(snapshotOf[mode] ?? snapshotOf.default, request));
  for (const { name, mode, problems: wrong } of results) {
    const ids = definition.cases.find((one) => one.name === name)?.ids ?? [];
    const suffix = ids.length === 0 ? '' : ` (${ids.join(' ')})`;
    it(`${mode}: ${name}${suffix}`, () => expect(wrong).toEqual([]));
  }

  const plain = parsed.map((item) => item.root.toPlain() as Plain);
  const policies = plain.filter(({ kind }) => kind !== 'PolicyTest' && kind !== 'MeshConfig') as unknown[];
  const plainMesh = (plain.find(({ kind }) => kind === 'MeshConfig')?.spec ?? {}) as PlainMesh;
  const spec = plain.find(({ kind }) => kind === 'PolicyTest')?.spec as Plain;
  for (const one of (spec.cases ?? []) as Plain[]) {
    it(`naive: ${String(one.name)}`, () => {
      const name = (one.to as string).split(':')[0] as string;
      const workload = workloadFromCase(name, (spec.workloads as Record<string, Plain>)[name] as Plain);
      const decision = evaluateNaively(policies as PlainPolicy[], plainMesh, workload, requestFromCase(one));
      const expected = (typeof one.expect === 'string' ? { outcome: one.expect } : one.expect) as Plain;
      expect(decision.outcome).toBe(expected.outcome);
      if (typeof expected.policy === 'string') expect(decision.policy ?? 'none').toBe(expected.policy);
    });
  }
});
