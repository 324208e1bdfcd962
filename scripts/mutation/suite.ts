/** What has to notice a mutant: the corpus of vectors, then random policies and requests beside the naive evaluator. */
import fc from 'fast-check';
import {
  type AuthzRequest,
  type CompilableResource,
  compile,
  type EngineSettings,
  evaluate,
  verifyRequestTokens,
} from '../../src/policy/index.ts';
import { findProblems, type Mode } from '../../src/policy/test/index.ts';
import { SpiffeId } from '../../src/spiffe/index.ts';
import { evaluateNaively } from '../../test/support/naive/evaluate.ts';
import {
  meshFromEngine,
  policyFromEngine,
  requestFromEngine,
  workloadFromEngine,
} from '../../test/support/naive/from-engine.ts';
import { VectorTokens } from '../../test/support/policy-vector-tokens.ts';
import { type PolicyVectorFile, readVectors } from '../../test/support/policy-vectors.ts';
import {
  manyPatterns,
  oddPath,
  requestOfLetters,
  wideRequests,
  wideResources,
  wideSettings,
} from '../../test/support/wide-arbitraries.ts';

/** One piece of the suite: true when all is as it should be. */
export interface Unit {
  readonly name: string;
  readonly isVector: boolean;
  readonly holds: () => Promise<boolean> | boolean;
}

const now = Date.UTC(2026, 0, 1);

export function vectorUnits(): readonly Unit[] {
  const tokens = new VectorTokens(now);
  return readVectors().flatMap((file) =>
    file.definition.modes.map((mode) => ({
      name: `${file.file} ${mode}`,
      isVector: true,
      holds: () => vectorsHold(file, mode, tokens),
    })),
  );
}

async function vectorsHold(file: PolicyVectorFile, mode: Mode, tokens: VectorTokens): Promise<boolean> {
  const engine = { ...file.engine, strict: mode === 'strict' };
  const snapshot = compile(file.policies.map(copy), engine);
  for (const vector of file.vectors) {
    const request = fresh(vector.request);
    const decision = evaluate(snapshot, request);
    if (findProblems(vector.expect(mode), decision, request.http?.path).length > 0) return false;
  }
  const withTokens = file.vectors.filter(({ request }) => (request.tokens ?? []).length > 0);
  if (withTokens.length === 0) return true;
  const real = compile(tokens.withKeys(file.policies).map(copy), engine);
  for (const vector of withTokens) {
    const request = tokens.realRequest(vector);
    const results = await verifyRequestTokens(real, request, tokens.keySets(vector), now);
    const { outcome, stage } = evaluate(real, { ...request, tokens: results });
    const wanted = vector.expect(mode);
    if (outcome !== wanted.outcome || (wanted.stage !== undefined && stage !== wanted.stage)) return false;
  }
  return true;
}

/** The engine remembers by identity what it worked out; a mutant must work it out anew. */
function fresh(request: AuthzRequest): AuthzRequest {
  const { connection, destination } = request;
  const peer = connection.peer && SpiffeId.parse(connection.peer.uri);
  return { ...request, connection: { ...connection, peer }, destination: { ...destination } };
}

function copy<T extends object>(resource: T): T {
  return { ...resource };
}

interface Sample {
  readonly given: readonly CompilableResource[];
  readonly engine: EngineSettings;
  readonly asked: readonly { readonly request: AuthzRequest; readonly wanted: readonly unknown[] }[];
}

export function randomUnits(count: number, seed: number): readonly Unit[] {
  if (count === 0) return [];
  const ten = { minLength: 10, maxLength: 10 };
  const wide = fc.record({
    given: wideResources,
    engine: wideSettings,
    requests: fc.array(wideRequests, ten),
  });
  const patterns = fc.record({
    given: manyPatterns.map((policy) => [policy]),
    engine: fc.boolean().map((strict) => ({ strict, skipTrustDomainValidation: true })),
    requests: fc.array(requestOfLetters, ten),
  });
  const paths = fc.record({
    given: fc.constant([]),
    engine: wideSettings,
    requests: fc.array(fc.tuple(wideRequests, oddPath).map(withPath), ten),
  });
  const samples = [wide, patterns, paths].flatMap((arbitrary) =>
    fc.sample<{
      given: readonly CompilableResource[];
      engine: EngineSettings;
      requests: readonly AuthzRequest[];
    }>(arbitrary, { numRuns: Math.ceil(count / 3), seed }),
  );
  return samples.map(({ given, engine, requests }, i) => {
    const plain = given.map(policyFromEngine);
    const asked = requests.map((request) => ({ request, wanted: wantedOf(plain, engine, request) }));
    return { name: `random ${i}`, isVector: false, holds: () => sampleHolds({ given, engine, asked }) };
  });
}

function withPath([request, path]: readonly [AuthzRequest, string]): AuthzRequest {
  const { http } = request;
  return http === undefined ? request : { ...request, http: { ...http, method: 'GET', path } };
}

function wantedOf(
  plain: Parameters<typeof evaluateNaively>[0],
  engine: EngineSettings,
  request: AuthzRequest,
): readonly unknown[] {
  const { outcome, stage, policy, path } = evaluateNaively(
    plain,
    meshFromEngine(engine),
    workloadFromEngine(request.destination),
    requestFromEngine(request),
  );
  return [outcome, stage, policy, path];
}

function sampleHolds({ given, engine, asked }: Sample): boolean {
  const snapshot = compile(given.map(copy), engine);
  return asked.every(({ request, wanted }) => {
    const { outcome, stage, policyId, path } = evaluate(snapshot, fresh(request));
    const isEarly = stage === 'peer_authentication' || stage === 'normalisation';
    const got = [outcome, stage, policyId, isEarly ? undefined : path];
    return got.every((value, i) => value === wanted[i]);
  });
}
