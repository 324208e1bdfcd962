import type { Logger } from '../../base/logger.ts';
import type { DecidedCheck, DecisionObserver } from '../check-request/index.ts';
import type { DecisionRing } from '../ports/index.ts';
import { type DecisionRecord, recordOf } from './record.ts';

export interface RecorderOptions {
  readonly ring: Pick<DecisionRing, 'note'>;
  /** The decision log: one line a record. */
  readonly logger: Logger;
  /** The share of allowed requests that is recorded, 0 to 1. */
  readonly sampleAllows: number;
}

const longestBody = 64 * 1024;

/** Every denial, every shadow that would decide otherwise, and every nth allow (D22); no decision waits for any of it. */
export class DecisionRecorder implements DecisionObserver {
  readonly #options: RecorderOptions;
  readonly #every: number;
  #allows = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#every = options.sampleAllows > 0 ? Math.max(1, Math.round(1 / options.sampleAllows)) : 0;
  }

  decided(check: DecidedCheck): void {
    const weight = this.#weightOf(check);
    if (weight === 0) return;
    const record = recordOf(check, weight);
    this.#options.ring.note({
      id: record.id,
      at: check.at,
      outcome: record.decision,
      reason: record.reason,
      source: record.request?.peer ?? '',
      destination: destinationOf(record),
      storeRevision: check.policy?.storeRevision ?? -1n,
      body: bodyOf(record),
    });
    this.#options.logger.info('decision', logFields(record));
  }

  /** 0: not recorded. */
  #weightOf({ outcome: { decision } }: DecidedCheck): number {
    const { wouldHave } = decision;
    if (decision.outcome === 'deny' || (wouldHave !== undefined && wouldHave.outcome !== decision.outcome))
      return 1;
    if (this.#every === 0) return 0;
    return this.#allows++ % this.#every === 0 ? this.#every : 0;
  }
}

export function destinationOf({ request }: Pick<DecisionRecord, 'request'>): string {
  if (request === undefined) return '';
  const { namespace, name, serviceAccount } = request.destination;
  return `${namespace}/${name ?? serviceAccount ?? ''}`;
}

/** A request too large to keep is kept without its headers, and says so. */
function bodyOf(record: DecisionRecord): string {
  const text = JSON.stringify(record);
  if (text.length <= longestBody || record.request === undefined) return text.slice(0, longestBody * 4);
  const { http, ...rest } = record.request;
  const path = http?.path.slice(0, 1_024) ?? '';
  const kept = http && { ...http, path, headers: [] };
  const masked = [...record.masked, 'request.headers'];
  return JSON.stringify({ ...record, masked, request: { ...rest, http: kept, metadata: undefined } });
}

/** experience.md §3.7: flat, scalar, snake_case; the path without its query. */
function logFields(record: DecisionRecord) {
  const { request } = record;
  return {
    decision_id: record.id,
    request_id: record.requestId,
    trace_id: record.traceId,
    decision: record.decision,
    mode: 'enforce',
    reason: record.reason,
    layer: record.stage,
    policy_id: record.policyId,
    audit_policy_id: record.auditPolicyId,
    detail: record.detail,
    proxy: record.proxy,
    source_principal: request?.peer,
    source_ip: request?.sourceIp,
    destination_workload: request?.destination.name ?? request?.destination.serviceAccount,
    destination_namespace: request?.destination.namespace,
    destination_port: request?.destinationPort,
    connection_security_policy: request === undefined ? 'unknown' : securityOf(request.tls),
    requested_server_name: request?.sni,
    method: request?.http?.method,
    authority: request?.http?.authority,
    path: request?.http?.path.split('?')[0],
    duration_us: record.durationUs,
    policy_generation: record.storeRevision,
    policy_revision: record.revision.slice(0, 16),
    shadow_decision: record.wouldHave?.outcome,
    shadow_policy_id: record.wouldHave?.policyId,
    weight: record.weight,
  };
}

function securityOf(tls: 'mutual' | 'one-way' | 'none'): string {
  return tls === 'mutual' ? 'mutual_tls' : tls === 'none' ? 'none' : 'tls';
}
