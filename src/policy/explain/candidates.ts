import type { CompiledRule, Entry } from '../compile/authorization.ts';
import type { Decision, PolicyRef } from '../decision.ts';
import type { EvaluationState } from '../evaluate/state.ts';
import type { ClauseTrace, PolicySuggestion, RequestChange } from '../explanation.ts';
import { type Clause, clauseHolds } from '../match/clause.ts';
import { MatchContext } from '../match/context.ts';
import { modeAtPort } from '../query/effective-mtls.ts';
import { type ExampleScope, matchingChanges, otherChanges, targetOf } from '../query/examples.ts';
import { changeRequest } from './change-request.ts';
import { type Miss, nearestEntry } from './nearest.ts';
import { inOwnWords } from './own-words.ts';

/** Changes that may flip a decision. They are guesses: whoever takes one asks `evaluate` first. */

const maxCombinations = 24;

export function* requestCandidates(
  decision: Decision,
  state: EvaluationState,
  misses: readonly Miss[],
): Generator<readonly RequestChange[]> {
  const scope = scopeOf(state, state.request.destination.namespace);
  switch (decision.stage) {
    case 'peer_authentication':
      yield* peerCandidates(state, misses, scope);
      return;
    case 'normalisation':
      yield [{ set: 'path', value: '/' }];
      yield [{ set: 'method', value: 'GET' }];
      yield [{ set: 'authority', value: 'example.com' }];
      return;
    case 'custom':
      for (const { name } of state.view.custom) yield [{ set: 'custom', provider: name, value: 'allow' }];
      return;
    case 'request_authentication':
      yield [{ set: 'tokens', value: 'none' }];
      for (const { issuer } of state.view.tokenRules)
        yield [{ set: 'claims', issuer: issuer === '' ? 'any-issuer' : issuer, subject: 'someone' }];
      return;
    default:
      yield* ruleCandidates(decision, state, misses);
  }
}

/** An identity, first of all one that the policies speak of. */
function* peerCandidates(
  state: EvaluationState,
  misses: readonly Miss[],
  scope: ExampleScope,
): Generator<readonly RequestChange[]> {
  yield [{ set: 'peer', value: `spiffe://${scope.trustDomain}/ns/default/sa/default` }];
  for (const { rule } of misses) yield* satisfy(rule, state);
  for (const { policies } of state.view.allow)
    for (const { rules } of policies) for (const rule of rules.slice(0, 4)) yield* satisfy(rule, state);
  yield [{ set: 'peer', value: undefined }];
}

function* ruleCandidates(
  decision: Decision,
  state: EvaluationState,
  misses: readonly Miss[],
): Generator<readonly RequestChange[]> {
  const matched = decidingRule(decision, state);
  if (matched !== undefined) for (const changes of escape(matched, state)) yield changes;
  for (const { rule } of misses) yield* satisfy(rule, state);
}

/** The rule that decided: of the DENY that matched, or the ALLOW. */
export function decidingRule({ rule }: Decision, state: EvaluationState): CompiledRule | undefined {
  if (rule === undefined) return undefined;
  for (const { policies } of state.view.groups)
    for (const policy of policies) if (policy.ref === rule.policy) return policy.rules[rule.index];
  return undefined;
}

/** One clause of a matching rule made false. */
function* escape(rule: CompiledRule, state: EvaluationState): Generator<readonly RequestChange[]> {
  const clauses = [...rule.from.flat(), ...rule.to.flat(), ...rule.when];
  for (const clause of clauses) {
    const target = targetOf(clause.name);
    if (target === undefined) continue;
    const scope = scopeOf(state, rule.policy.ref.namespace);
    const changes = clause.negated
      ? matchingChanges(target, clause.wanted, scope)
      : otherChanges(target, scope);
    for (const change of changes) if (!holdsAfter(clause, [change], state)) yield [change];
  }
}

/** All failing clauses of a rule, on each of its ways, made true together. */
function* satisfy(rule: CompiledRule, state: EvaluationState): Generator<readonly RequestChange[]> {
  const ways: readonly (Entry | undefined)[] = rule.from.length === 0 ? [undefined] : rule.from.slice(0, 3);
  const operations: readonly (Entry | undefined)[] = rule.to.length === 0 ? [undefined] : rule.to.slice(0, 3);
  for (const from of ways)
    for (const to of operations) {
      const clauses = [...(from ?? []), ...(to ?? []), ...rule.when];
      yield* satisfyAll(clauses, state, rule.policy.ref.namespace);
    }
}

function* satisfyAll(
  clauses: readonly Clause[],
  state: EvaluationState,
  namespace: string,
): Generator<readonly RequestChange[]> {
  const scope = scopeOf(state, namespace);
  let combinations: readonly (readonly RequestChange[])[] = [[]];
  for (const clause of clauses) {
    const grown: (readonly RequestChange[])[] = [];
    for (const changes of combinations) {
      if (holdsAfter(clause, changes, state)) {
        grown.push(changes);
        continue;
      }
      const target = targetOf(clause.name);
      if (target === undefined) continue;
      const options = clause.negated
        ? otherChanges(target, scope)
        : matchingChanges(target, clause.wanted, scope);
      for (const option of options)
        if (holdsAfter(clause, [...changes, option], state)) grown.push([...changes, option]);
    }
    combinations = grown.slice(0, maxCombinations);
  }
  for (const changes of combinations) if (changes.length > 0) yield changes;
}

/** Asks the clause itself; the path as it is sent stands for the path as it will be seen. */
function holdsAfter(clause: Clause, changes: readonly RequestChange[], state: EvaluationState): boolean {
  const request = changeRequest(state.request, changes);
  if (request === undefined) return false;
  const hasPeer = request.connection.tls === 'mutual' && request.connection.peer !== undefined;
  const context = new MatchContext(request, hasPeer, request.http);
  const isPathChanged = changes.some(({ set }) => set === 'path');
  context.path = isPathChanged ? (request.http?.path ?? '') : state.context.path;
  const isTokenChanged = changes.some(({ set }) => set === 'claim' || set === 'claims' || set === 'tokens');
  const token = request.tokens?.find(({ ok }) => ok);
  context.token = isTokenChanged
    ? token?.ok
      ? { claims: token.claims, delimited: new Set() }
      : undefined
    : state.context.token;
  try {
    return clauseHolds(clause, context);
  } catch {
    return false;
  }
}

function scopeOf(state: EvaluationState, namespace: string): ExampleScope {
  return { trustDomain: state.snapshot.settings.trustDomain, namespace };
}

export function* policyCandidates(
  decision: Decision,
  state: EvaluationState,
  misses: readonly Miss[],
): Generator<PolicySuggestion> {
  if (decision.stage === 'peer_authentication') yield* modeCandidates(state);
  const deciding = decision.rule;
  if (deciding !== undefined) {
    const { policy, index } = deciding;
    const named = `${policy.namespace}/${policy.name}`;
    if (decision.outcome === 'deny' || decision.stage === 'allow')
      yield {
        kind: 'policy',
        text: `remove rule ${index} of ${named}`,
        policy,
        change: { do: 'remove-rule', rule: index },
      };
    yield { kind: 'policy', text: `remove policy ${named}`, policy, change: { do: 'remove-policy' } };
  }
  if (decision.outcome === 'deny' && decision.stage === 'allow') {
    for (const miss of misses) yield* widenings(miss);
    yield createAllow(state);
  }
}

function* modeCandidates(state: EvaluationState): Generator<PolicySuggestion> {
  const { mtls } = state.view;
  const port = state.request.connection.destinationPort;
  if (modeAtPort(mtls, port) !== 'STRICT') return;
  const suggestion = (policy: PolicyRef, at: number | undefined): PolicySuggestion => ({
    kind: 'policy',
    text: `set ${policy.namespace}/${policy.name} to PERMISSIVE${at === undefined ? '' : ` at port ${at}`}`,
    policy,
    change: { do: 'set-mode', port: at, mode: 'PERMISSIVE' },
  });
  if (mtls.ports.has(port) && mtls.portsSetBy !== undefined) yield suggestion(mtls.portsSetBy, port);
  if (mtls.setBy !== undefined) yield suggestion(mtls.setBy, undefined);
}

/** One clause failed, and a list with the request's own value added would have held. */
function* widenings({ rule, trace }: Miss): Generator<PolicySuggestion> {
  const places = [
    ...entryPlaces('from', nearestEntry(trace.from)),
    ...entryPlaces('to', nearestEntry(trace.to)),
    ...trace.when.map((clause) => ({ clause, at: `when[${conditionIndex(rule, clause)}].values` })),
  ].filter(({ clause }) => !clause.matched);
  const [only, ...others] = places;
  if (only === undefined || others.length > 0) return;
  const { clause, at } = only;
  const values = inOwnWords(clause.field, clause.got);
  if (values.length === 0 || clause.field.includes('.not')) return;
  const { ref: policy } = rule.policy;
  yield {
    kind: 'policy',
    text: `add \`${values.join('`, `')}\` to ${clause.field} of ${policy.namespace}/${policy.name}, rule ${rule.index}`,
    policy,
    change: { do: 'add-values', rule: rule.index, at, values },
  };
}

/** A condition with values and notValues is two clauses. */
function conditionIndex({ policy, index }: CompiledRule, { wanted }: ClauseTrace): number {
  const conditions = policy.resource.spec.rules[index]?.when ?? [];
  return conditions.findIndex(({ values, notValues }) => values === wanted || notValues === wanted);
}

function entryPlaces(
  list: 'from' | 'to',
  entry: { readonly index: number; readonly clauses: readonly ClauseTrace[] } | undefined,
): readonly { readonly clause: ClauseTrace; readonly at: string }[] {
  return (entry?.clauses ?? []).map((clause) => ({
    clause,
    at: `${list}[${entry?.index ?? 0}].${clause.field}`,
  }));
}

/** A rule for just this request. */
function createAllow(state: EvaluationState): PolicySuggestion {
  const { peer, http, path, port, host } = state.context;
  const rule: Record<string, readonly string[]> = { ports: [String(port)] };
  if (peer !== undefined) rule.principals = [peer.principal];
  if (http !== undefined) {
    rule.methods = [http.method];
    if (path !== '') rule.paths = [path];
    if (host !== undefined && host !== '') rule.hosts = [host];
  }
  const { namespace } = state.request.destination;
  const policy: PolicyRef = { kind: 'AuthorizationPolicy', namespace, name: 'allow-this-request' };
  return {
    kind: 'policy',
    text: `create an ALLOW policy in ${namespace} for this caller and request`,
    policy,
    change: { do: 'create-allow', rule },
  };
}
