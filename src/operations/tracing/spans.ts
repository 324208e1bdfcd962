import type { DecidedCheck } from '../check-request/index.ts';
import { readTraceContext, type TraceContext } from './trace-context.ts';

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Something that took its time; whether anybody wants to know is for the tracer to say. */
export interface Span {
  readonly name:
    | 'castellan.authz.check'
    | 'castellan.ca.sign'
    | 'castellan.policy.compile'
    | 'castellan.sds.push';
  readonly kind: 'server' | 'internal';
  /** Wall time, ms. */
  readonly startAt: number;
  readonly durationMs: number;
  readonly parent?: TraceContext | undefined;
  /** A fault of ours. */
  readonly isFault: boolean;
  /** Asked for only when the span is kept. */
  readonly attributes: () => SpanAttributes;
}

/** Takes spans that are over. Never throws, never makes anybody wait. */
export interface Tracer {
  record(span: Span): void;
}

export function checkSpan(check: DecidedCheck, isFault: boolean): Span {
  const { question, at, durationMs } = check;
  return {
    name: 'castellan.authz.check',
    kind: 'server',
    startAt: at,
    durationMs,
    parent: question.http === undefined ? undefined : readTraceContext(question.http.headers),
    isFault,
    attributes: () => checkAttributes(check),
  };
}

/** Ours, and for dry runs the tags that Istio's proxies write. */
function checkAttributes({ question, outcome }: DecidedCheck): SpanAttributes {
  const { id, decision, request } = outcome;
  const { wouldHave, policyId } = decision;
  const attributes: Record<string, string | number | boolean> = {
    'castellan.decision': decision.outcome,
    'castellan.decision_id': id,
    'castellan.reason': decision.reason,
    'castellan.dialect': question.dialect,
    'castellan.revision': decision.revision.slice(0, 16),
  };
  if (policyId !== undefined) attributes['castellan.policy_id'] = policyId;
  if (request !== undefined) {
    const { namespace, name, serviceAccount } = request.destination;
    attributes['castellan.destination_workload'] = `${namespace}/${name ?? serviceAccount ?? '?'}`;
  }
  if (wouldHave === undefined) return attributes;
  attributes['castellan.shadow_decision'] = wouldHave.outcome;
  for (const [layer, result] of [
    ['deny', wouldHave.deny],
    ['allow', wouldHave.allow],
  ] as const) {
    if (result === undefined) continue;
    attributes[`istio.authorization.dry_run.${layer}_policy.result`] = result.engineResult;
    if (result.policyId !== undefined)
      attributes[`istio.authorization.dry_run.${layer}_policy.name`] = result.policyId;
  }
  return attributes;
}

export function compileSpan(
  resources: number,
  { endAt, durationMs }: { readonly endAt: number; readonly durationMs: number },
): Span {
  return {
    name: 'castellan.policy.compile',
    kind: 'internal',
    startAt: endAt - durationMs,
    durationMs,
    isFault: false,
    attributes: () => ({ 'castellan.resources': resources }),
  };
}
