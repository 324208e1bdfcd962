import { compile, type EngineSettings, type PolicySnapshot } from '../../policy/index.ts';
import { type PolicyTestDefinition, readPolicyTest } from '../../policy/test/index.ts';
import type { AnyResource, Finding, ParseResult } from '../../resources/index.ts';
import { findMeshConfig } from '../policy-snapshot/index.ts';
import { WorkloadBook } from './workload-book.ts';

export interface FilesOptions {
  /** Of documents that name none. */
  readonly defaultNamespace: string;
  readonly strict: boolean;
}

/** Policies as files hold them, compiled, with the workloads and tests that stand beside them. */
export interface PolicyFiles {
  readonly snapshot: PolicySnapshot;
  readonly workloads: WorkloadBook;
  readonly tests: readonly WrittenTest[];
  readonly namespace: string;
}

export interface WrittenTest {
  readonly definition: PolicyTestDefinition;
  readonly file: string;
}

/** The mesh's settings as a MeshConfig among the resources says them, else Istio's defaults. */
export function settingsOf(resources: readonly AnyResource[], strict: boolean): EngineSettings {
  const mesh = findMeshConfig(resources)?.spec;
  return { strict, ...(mesh === undefined ? {} : { mesh }) };
}

/** Compiles what was read. Throws POLICY_NOT_COMPILABLE in strict mode. */
export function openPolicyFiles(
  result: ParseResult,
  { defaultNamespace, strict }: FilesOptions,
): PolicyFiles {
  const tests = readTests(result).map(({ definition, file }) => ({ definition, file }));
  const snapshot = compile(result.resources, settingsOf(result.resources, strict));
  const definitions = tests.map(({ definition }) => definition);
  return {
    snapshot,
    workloads: new WorkloadBook(snapshot, result, { tests: definitions, defaultNamespace }),
    tests,
    namespace: defaultNamespace,
  };
}

/** The PolicyTests among the resources, with what is wrong in them. */
export function readTests(
  result: ParseResult,
): readonly (WrittenTest & { readonly findings: readonly Finding[] })[] {
  return result.resources
    .filter((resource) => resource.kind === 'PolicyTest')
    .map((test) => ({ ...readPolicyTest(test), file: test.source.file }));
}
