import type { CompiledRule } from '../compile/authorization.ts';
import type { RuleSet } from '../compile/rule-set.ts';
import type { Admission } from '../evaluate/connection.ts';
import { EvaluationState } from '../evaluate/state.ts';
import { readTarget } from '../evaluate/target.ts';
import { isPreflight, judgeTokens } from '../evaluate/token-stage.ts';
import { type Clause, clauseHolds } from '../match/clause.ts';
import { targetOf } from '../query/examples.ts';
import type { AuthzRequest, WorkloadFacts } from '../request.ts';
import type { PolicySnapshot } from '../snapshot.ts';
import type { CustomLayer, WorkloadView } from '../view.ts';
import { viewOf } from '../workload-view.ts';

/** Names of the variables that a decision is a function of. The connection is one: peer, TLS, port and layer together. */
export type VariableName = string;
export const connection: VariableName = 'connection';
export const token: VariableName = 'token';
export const preflight: VariableName = 'preflight';

/** One of the two snapshots, as it concerns one workload: its conditions, by the variable that they speak of. */
export interface Side {
  readonly snapshot: PolicySnapshot;
  readonly view: WorkloadView;
  readonly clauses: ReadonlyMap<VariableName, readonly Clause[]>;
}

export function readSide(snapshot: PolicySnapshot, workload: WorkloadFacts): Side {
  const view = viewOf(snapshot, workload);
  const clauses = new Map<VariableName, Clause[]>();
  for (const rule of enforcedRules(view))
    for (const clause of [...rule.from.flat(), ...rule.to.flat(), ...rule.when]) {
      const name = variableOf(clause);
      const list = clauses.get(name);
      if (list === undefined) clauses.set(name, [clause]);
      else list.push(clause);
    }
  return { snapshot, view, clauses };
}

export function customSets({ sets, drySets }: CustomLayer): readonly RuleSet[] {
  return [...sets, ...drySets];
}

export function enforcedRules({ custom, deny, allow }: WorkloadView): readonly CompiledRule[] {
  const sets = [...custom.flatMap(customSets), ...deny, ...allow];
  return sets.flatMap(({ policies }) => policies.flatMap(({ rules }) => rules));
}

/** Every clause speaks of one variable only. */
export function variableOf({ name, field }: Clause): VariableName {
  const target = targetOf(name);
  switch (target?.kind) {
    case 'peer':
    case 'port':
      return connection;
    case 'request-principal':
    case 'claim':
      return token;
    case 'ip':
      return target.set;
    case 'text':
      return target.set;
    case 'header':
      return pseudoHeaders[target.name] ?? field.input;
    default:
      return field.input;
  }
}

const pseudoHeaders: Readonly<Record<string, VariableName>> = {
  ':method': 'method',
  ':path': 'path',
  ':authority': 'authority',
  host: 'authority',
};

/** What one variable of a request comes to on one side: what its clauses say, and what the stages make of it. */
export function signatureOf(
  side: Side,
  variable: VariableName,
  request: AuthzRequest,
): readonly (boolean | string)[] {
  const state = new EvaluationState(
    side.snapshot,
    request,
    variable === connection ? undefined : admitted(request),
  );
  const facts = factsOf(side, variable, state);
  const { context } = state;
  if (context.http !== undefined) {
    const target = readTarget(context.http, side.snapshot.settings);
    if (target.ok) context.path = target.path;
  }
  if (variable === token && request.http !== undefined) acceptToken(side, state);
  const clauses = side.clauses.get(variable) ?? [];
  return [...facts, ...clauses.map((clause) => clauseHolds(clause, context))];
}

/** Only the connection is judged by peer authentication; every other variable is looked at behind it. */
function admitted({ http }: AuthzRequest): Admission {
  return { ok: true, layer: http === undefined ? 'tcp' : 'http', hasIdentity: true };
}

/** How many entries of a signature come before the clauses. */
export const factCount = 2;

function factsOf(
  { snapshot, view }: Side,
  variable: VariableName,
  state: EvaluationState,
): readonly (boolean | string)[] {
  const { request } = state;
  const { http } = request;
  switch (variable) {
    case connection:
      return [state.admission.ok, layerOf(state.admission)];
    case token:
      return [judgeTokens(view.tokenRules, request.tokens ?? [], snapshot.settings.strict).ok, ''];
    case preflight:
      return [http !== undefined && isPreflight({ ...http, method: 'OPTIONS' }), ''];
    case 'method':
      return [isWellFormed(state, 'method'), http?.method === 'OPTIONS'];
    case 'path':
    case 'authority':
      return [isWellFormed(state, variable), ''];
    default:
      return variable.startsWith('custom ') ? [customPasses(view, variable, request), ''] : [true, ''];
  }
}

function layerOf(admission: Admission): string {
  return admission.ok ? admission.layer : '';
}

/** Whether the request line is well formed as far as this part of it goes; the other parts are taken to be. */
function isWellFormed(
  { request, snapshot }: EvaluationState,
  part: 'method' | 'path' | 'authority',
): boolean {
  const { http } = request;
  if (http === undefined) return true;
  const sound = {
    method: 'GET',
    path: '/',
    authority: 'sound.example',
    headers: new Map<string, string[]>(),
  };
  return readTarget({ ...sound, [part]: http[part] }, snapshot.settings).ok;
}

function customPasses(
  { custom }: WorkloadView,
  variable: VariableName,
  { custom: results }: AuthzRequest,
): boolean {
  const name = variable.slice('custom '.length);
  const provider = custom.find((layer) => layer.name === name)?.provider;
  const outcome = results?.get(name)?.outcome;
  return outcome === 'allow' || (outcome === 'unavailable' && (provider?.failOpen ?? false));
}

function acceptToken({ view, snapshot }: Side, state: EvaluationState): void {
  const outcome = judgeTokens(view.tokenRules, state.request.tokens ?? [], snapshot.settings.strict);
  if (!outcome.ok || outcome.rule === undefined) return;
  const claims = outcome.tokens.at(-1)?.claims ?? {};
  state.context.token = { claims, delimited: outcome.rule.delimited };
}
