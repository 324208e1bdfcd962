import {
  compile,
  type EngineSettings,
  type Explanation,
  evaluate,
  explain,
  type PolicySnapshot,
} from '../../policy/index.ts';
import type { ActivePolicy } from '../check-request/index.ts';
import { engineSettings, type PolicySettings, readStored } from '../policy-snapshot/index.ts';
import type { DecisionRing } from '../ports/index.ts';
import { decisionErrors } from './errors.ts';
import { type DecisionRecord, requestOf } from './record.ts';

export interface ExplainDeps {
  readonly ring: DecisionRing;
  readonly policy: () => ActivePolicy | undefined;
  readonly settings: PolicySettings;
}

export interface DecisionExplanation {
  readonly record: DecisionRecord;
  /** By the policies that decided; absent when they are no longer kept, or when nothing came so far as a policy. */
  readonly explanation?: Explanation | undefined;
  /** Why there is none, or how it may differ from what was decided. */
  readonly caveats: readonly string[];
  /** What the policies of today decide about the same request. */
  readonly today?:
    | {
        readonly outcome: string;
        readonly reason: string;
        readonly policyId?: string | undefined;
        readonly differs: boolean;
      }
    | undefined;
}

/** Why a recorded decision came out as it did: from its recorded inputs and its own policies (experience.md §4.6). */
export async function explainDecision(deps: ExplainDeps, id: string): Promise<DecisionExplanation> {
  const row = await deps.ring.find(id);
  if (row === undefined) throw decisionErrors.DECISION_UNKNOWN();
  const record = JSON.parse(row.body) as DecisionRecord;
  if (record.request === undefined)
    return { record, caveats: ['it was decided before any policy: the reason is all there is'] };
  const request = requestOf(record.request);
  const active = deps.policy();
  const caveats = record.masked.map((input) => `${input} was masked in the record`);
  const snapshot = await snapshotAt(deps, record, active);
  if (snapshot === undefined) caveats.push('the policies that decided are no longer kept');
  const explanation = snapshot && explain(snapshot, request);
  if (explanation !== undefined && explanation.decision.outcome !== record.decision)
    caveats.push('the recorded inputs no longer lead to the recorded outcome: a masked input mattered');
  return { record, explanation, caveats, today: active && today(active, record) };
}

async function snapshotAt(
  { ring, settings }: ExplainDeps,
  record: DecisionRecord,
  active: ActivePolicy | undefined,
): Promise<PolicySnapshot | undefined> {
  if (active?.snapshot.revision === record.revision) return active.snapshot;
  const stored = await ring.resourcesAt(BigInt(record.storeRevision));
  if (stored === undefined) return undefined;
  const resources = stored.map(readStored).filter((resource) => resource !== undefined);
  const engine: EngineSettings = engineSettings(settings, resources);
  const snapshot = compile(resources, engine);
  return snapshot.revision === record.revision ? snapshot : undefined;
}

function today({ snapshot }: ActivePolicy, record: DecisionRecord): DecisionExplanation['today'] {
  if (record.request === undefined) return undefined;
  const { outcome, reason, policyId } = evaluate(snapshot, requestOf(record.request));
  return { outcome, reason, policyId, differs: outcome !== record.decision };
}
