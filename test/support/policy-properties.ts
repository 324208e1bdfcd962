/** What must hold for all policies and requests; run a few times on every check, thousands of times in the full test. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  type AuthzRequest,
  type CompilableResource,
  compile,
  type EngineSettings,
  evaluate,
} from '../../src/policy/index.ts';
import { checkDiff } from './diff-check.ts';
import { checkExplanation } from './explanation-check.ts';
import { evaluateNaively } from './naive/evaluate.ts';
import {
  meshFromEngine,
  policyFromEngine,
  requestFromEngine,
  workloadFromEngine,
} from './naive/from-engine.ts';
import type { PlainPolicy } from './naive/model.ts';
import { requests, resources, settings } from './policy-arbitraries.ts';
import {
  manyPatterns,
  oddPath,
  requestOfLetters,
  wideRequests,
  wideResources,
  wideSettings,
} from './wide-arbitraries.ts';

/** One set of policies is put many requests: compiling is the larger part of the work. */
const requestsPerPolicies = 10;

/** The engine and the naive evaluator, which share no code, decide alike: outcome, stage, rule, path, status. */
export function engineDecidesAsTheNaiveEvaluator(pairs: number): void {
  fc.assert(
    fc.property(
      wideResources,
      wideSettings,
      fc.array(wideRequests, { minLength: requestsPerPolicies, maxLength: requestsPerPolicies }),
      (given, engine, asked) => {
        const snapshot = compile(given, engine);
        const plain = given.map(policyFromEngine);
        for (const request of asked) {
          const decision = evaluate(snapshot, request);
          const naive = decideNaively(plain, engine, request);
          const { outcome, stage, policyId, path } = decision;
          const isClosed = stage === 'peer_authentication' || stage === 'normalisation';
          const status = naive.status ?? decision.effects.response?.status;
          expect({
            outcome,
            stage,
            policyId,
            path: isClosed ? undefined : path,
            status: naive.status === undefined ? status : decision.effects.response?.status,
          }).toEqual({
            outcome: naive.outcome,
            stage: naive.stage,
            policyId: naive.policy,
            path: naive.path,
            status,
          });
          if (decision.wouldHave !== undefined)
            expect(decision.wouldHave.outcome).toBe(
              decideNaively(plain.map(enforced), engine, request).outcome,
            );
        }
      },
    ),
    { numRuns: Math.ceil(pairs / requestsPerPolicies) },
  );
}

function decideNaively(plain: readonly PlainPolicy[], engine: EngineSettings, request: AuthzRequest) {
  return evaluateNaively(
    plain,
    meshFromEngine(engine),
    workloadFromEngine(request.destination),
    requestFromEngine(request),
  );
}

/** The dry run of an ALLOW or DENY policy ended. */
function enforced(policy: PlainPolicy): PlainPolicy {
  const action = (policy.spec as { readonly action?: string }).action;
  if (action !== 'ALLOW' && action !== 'DENY') return policy;
  return { ...policy, metadata: { ...policy.metadata, annotations: {} } };
}

/** The same about request targets of odd pieces, at every level of normalisation. */
export function pathsAreReadAsTheNaiveEvaluatorReadsThem(paths: number): void {
  fc.assert(
    fc.property(oddPath, requests, wideSettings, (path, base, engine) => {
      const http = { method: 'GET', path, authority: 'cart.shop', headers: new Map() };
      const request = { ...base, http, tokens: [], connection: { ...base.connection, alpn: undefined } };
      const decision = evaluate(compile([], engine), request);
      const naive = decideNaively([], engine, request);
      expect([decision.stage, decision.path]).toEqual([
        naive.stage,
        decision.stage === 'normalisation' ? decision.path : naive.path,
      ]);
    }),
    { numRuns: paths },
  );
}

/** The same about many patterns at once, where the engine looks values up in sets, tries and an index. */
export function patternsAreFoundAsTheNaiveEvaluatorFindsThem(policies: number): void {
  fc.assert(
    fc.property(
      manyPatterns,
      fc.array(requestOfLetters, { minLength: requestsPerPolicies, maxLength: requestsPerPolicies }),
      fc.boolean(),
      (given, asked, strict) => {
        const engine = { strict, skipTrustDomainValidation: true };
        const snapshot = compile([given], engine);
        const plain = [policyFromEngine(given)];
        for (const request of asked) {
          const { outcome, stage, policyId } = evaluate(snapshot, request);
          const naive = decideNaively(plain, engine, request);
          expect([outcome, stage, policyId]).toEqual([naive.outcome, naive.stage, naive.policy]);
        }
      },
    ),
    { numRuns: policies },
  );
}

/** `explain` decides as `evaluate`, its traces lead there, and every suggestion, applied, changes the outcome. */
export function explanationsHold(pairs: number): void {
  fc.assert(
    fc.property(resources, settings, requests, (given, engine, request) => {
      expect(checkExplanation(compile(given, engine), given, request)).toEqual([]);
    }),
    { numRuns: pairs },
  );
}

/** Every gain and loss of a semantic diff is real, and every request that is decided differently falls under one. */
export function differencesHold(pairs: number, requestsPerPair: number): void {
  fc.assert(
    fc.property(
      resources,
      fc.array(requests, { minLength: requestsPerPair, maxLength: requestsPerPair }),
      resources,
      settings,
      (was, asked, is, engine) => {
        expect(checkDiff(compile(was, engine), compile(is, engine), asked)).toEqual([]);
      },
    ),
    { numRuns: pairs },
  );
}

/** The same between policies and the same policies with one more, one less or one changed. */
export function smallDifferencesHold(pairs: number, requestsPerPair: number): void {
  fc.assert(
    fc.property(
      resources,
      resources,
      fc.array(requests, { minLength: requestsPerPair, maxLength: requestsPerPair }),
      settings,
      (given, others, asked, engine) => {
        const other: CompilableResource | undefined = others[0];
        const changed = other === undefined ? given.slice(1) : [...given.slice(1), renamed(other)];
        expect(checkDiff(compile(given, engine), compile(changed, engine), asked)).toEqual([]);
      },
    ),
    { numRuns: pairs },
  );
}

function renamed(resource: CompilableResource): CompilableResource {
  return { ...resource, metadata: { ...resource.metadata, name: 'another' } } as CompilableResource;
}
