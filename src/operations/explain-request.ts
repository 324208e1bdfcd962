import { operatorErrors } from './operator-errors.ts';
import type { AuditEntry, AuditStore, Refusal, RefusalLog } from './ports/index.ts';

/** What became of one request, for whoever has its id from a caller. */
export interface RequestExplanation {
  readonly requestId: string;
  readonly outcome: 'issued' | 'refused' | 'changed';
  /** Why it was refused: never told to the caller, only here. */
  readonly refusal?: Refusal;
  /** What it changed, oldest first. */
  readonly audit: readonly AuditEntry[];
}

const mostEntries = 100;

/** Joins the refusal ring and the audit log by request id; throws REQUEST_UNKNOWN. */
export async function explainRequest(
  deps: { readonly audit: AuditStore; readonly refusals: RefusalLog },
  requestId: string,
): Promise<RequestExplanation> {
  const [refusal, entries] = await Promise.all([
    deps.refusals.find(requestId),
    deps.audit.list({ requestId, limit: mostEntries }),
  ]);
  if (refusal === undefined && entries.length === 0) throw operatorErrors.REQUEST_UNKNOWN();
  const audit = entries.toReversed();
  const isIssued = audit.some(({ action, result }) => action === 'certificate.issue' && result === 'success');
  const outcome = isIssued ? 'issued' : refusal === undefined ? 'changed' : 'refused';
  return { requestId, outcome, ...(refusal === undefined ? {} : { refusal }), audit };
}
