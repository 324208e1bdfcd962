/** The corpus of policy vectors, read: see docs/explanation/policy-vectors.md for the format. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AuthzRequest,
  compile,
  type EngineSettings,
  type PolicySnapshot,
} from '../../src/policy/index.ts';
import {
  type Expectation,
  expected,
  type Mode,
  type PolicyTestCase,
  type PolicyTestDefinition,
  readPolicyTest,
} from '../../src/policy/test/index.ts';
import { type AnyResource, type Finding, parseResources } from '../../src/resources/index.ts';

export const vectorsFolder = join(import.meta.dirname, '..', 'vectors', 'policy');

type Plain = Readonly<Record<string, unknown>>;

/** One file: some policies, and what becomes of some requests under them. */
export interface PolicyVectorFile {
  /** Below `test/vectors/policy`, e.g. `sources/addresses-match-by-range.yaml`. */
  readonly file: string;
  /** The sentence that the file shows; also its name. */
  readonly title: string;
  /** As written, the PolicyTest included. */
  readonly text: string;
  /** Everything but the PolicyTest and the MeshConfig, parsed, in the file's order. */
  readonly policies: readonly AnyResource[];
  /** The same documents as plain values, for evaluators with a reader of their own. */
  readonly plainPolicies: readonly Plain[];
  /** Istio's own field names; empty where the file has no MeshConfig. */
  readonly plainMesh: Plain;
  readonly plainWorkloads: Readonly<Record<string, Plain>>;
  readonly definition: PolicyTestDefinition;
  /** Mesh and flags of the file; `strict` follows the mode. */
  readonly engine: EngineSettings;
  readonly vectors: readonly PolicyVector[];
  readonly findings: readonly Finding[];
}

/** One request and its decision. Nothing in it is about one proxy or one door. */
export interface PolicyVector {
  readonly file: string;
  /** Unique in its file; with `file` it names the vector. */
  readonly name: string;
  readonly ids: readonly string[];
  /** `tokens` holds what verification comes to; `realTokens` (policy-vector-tokens.ts) makes tokens of it. */
  readonly request: AuthzRequest;
  /** As written in YAML: `from`, `to`, `call`, `headers`, … */
  readonly written: Plain;
  /** Modes in which the file holds. */
  readonly modes: readonly Mode[];
  readonly expect: (mode: Mode) => Expectation;
}

export function listVectorFiles(): readonly string[] {
  return globSync('**/*.yaml', { cwd: vectorsFolder }).sort();
}

export function readVectors(): readonly PolicyVectorFile[] {
  return listVectorFiles().map(readVectorFile);
}

export function readVectorFile(file: string): PolicyVectorFile {
  const text = readFileSync(join(vectorsFolder, file), 'utf8');
  const { parsed, resources, findings } = parseResources(text, { file });
  const test = resources.find((resource) => resource.kind === 'PolicyTest');
  if (test === undefined) throw new TypeError(`${file} has no PolicyTest`);
  const { definition, findings: problems } = readPolicyTest(test);
  const mesh = resources.find((resource) => resource.kind === 'MeshConfig')?.spec;
  const documents = parsed.map((item) => item.root.toPlain() as Plain);
  const plainTest = documents.find(({ kind }) => kind === 'PolicyTest')?.spec as Plain;
  const written = (plainTest.cases ?? []) as readonly Plain[];
  const isPolicy = ({ kind }: { readonly kind?: unknown }) => kind !== 'PolicyTest' && kind !== 'MeshConfig';
  return {
    file,
    title: test.metadata.name,
    text,
    policies: resources.filter(isPolicy),
    plainPolicies: documents.filter(isPolicy),
    plainMesh: (documents.find(({ kind }) => kind === 'MeshConfig')?.spec ?? {}) as Plain,
    plainWorkloads: (plainTest.workloads ?? {}) as Readonly<Record<string, Plain>>,
    definition,
    engine: { ...definition.settings, ...(mesh === undefined ? {} : { mesh }) },
    vectors: definition.cases.map((one, i) => vectorOf(file, one, definition, written[i] ?? {})),
    findings: [...findings, ...problems],
  };
}

function vectorOf(
  file: string,
  one: PolicyTestCase,
  { modes }: PolicyTestDefinition,
  written: Plain,
): PolicyVector {
  const { name, ids, request } = one;
  return { file, name, ids, request, written, modes, expect: (mode) => expected(one, mode) };
}

/** The snapshot that a file's cases are put to. Strict mode refuses some policies as a whole, and then this throws. */
export function vectorSnapshot({ policies, engine }: PolicyVectorFile, mode: Mode): PolicySnapshot {
  return compile(policies, { ...engine, strict: mode === 'strict' });
}
