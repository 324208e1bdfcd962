import { isCastellanError } from '../../base/errors.ts';
import type { Explanation } from '../../policy/index.ts';
import type { AdminClient } from '../client/admin-client.ts';
import type { DecisionJson } from '../client/types.ts';
import { formatRelative } from '../frame/times.ts';
import type { VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';
import { describeStages } from '../policy/explanation-text.ts';

export interface DecisionExplanationJson {
  readonly record: DecisionJson;
  readonly explanation?: Explanation;
  readonly caveats: readonly string[];
  readonly today?: { outcome: string; reason: string; policyId?: string; differs: boolean };
}

/** Undefined when no decision has the id: it may be another request's. */
export async function findDecision(
  client: AdminClient,
  id: string,
): Promise<DecisionExplanationJson | undefined> {
  try {
    return await client.get<DecisionExplanationJson>(`/decisions/${id}`);
  } catch (error) {
    if (isCastellanError(error, 'DECISION_UNKNOWN')) return undefined;
    throw error;
  }
}

/** experience.md §4.1: who, what, then the stages in order, then what would change it. */
export function describeDecision(context: VerbContext, found: DecisionExplanationJson): string {
  const { io, style } = context;
  const { record, explanation, caveats, today } = found;
  const mark = record.decision === 'deny' ? style.bad : style.ok;
  const when = formatRelative(Date.parse(record.at), io.now());
  const lines = [`${mark} ${record.decision.toUpperCase()}   reason ${record.reason}   ${when}`];
  const { request } = record;
  lines.push(`  who    ${printable(who(record))}`);
  if (request !== undefined) {
    const { namespace, name, serviceAccount } = request.destination;
    const call = request.http === undefined ? 'a connection' : `${request.http.method} ${request.http.path}`;
    const to = `${name ?? serviceAccount ?? '?'}.${namespace}:${request.destinationPort}`;
    lines.push(`  what   ${printable(call)} on ${printable(to)}`);
  }
  lines.push(`  asked  by ${printable(record.proxy ?? 'a proxy that is not bound')} (${record.dialect})`);
  if (record.detail !== undefined) lines.push(`  why    ${printable(record.detail)}`);
  for (const note of record.notes) lines.push(`  note   ${printable(note)}`);
  if (explanation !== undefined) {
    lines.push(`  so     ${printable(explanation.sentence)}`);
    lines.push(...describeStages(context, explanation));
  }
  for (const caveat of caveats) lines.push(`  ${style.warning} ${printable(caveat)}`);
  if (today !== undefined)
    lines.push(
      today.differs
        ? `  ${style.warning} today the answer is ${today.outcome} (${today.reason}${today.policyId === undefined ? '' : `, ${today.policyId}`})`
        : '  today the answer is the same',
    );
  return lines.join('\n');
}

function who({ request }: DecisionJson): string {
  if (request === undefined) return 'unknown: the question came not so far';
  const from = request.sourceIp === undefined ? '' : ` from ${request.sourceIp}`;
  if (request.peer !== undefined) return `${request.peer}   proven by mTLS${from}`;
  if (request.peerProblem !== undefined)
    return `nobody: the certificate is no proof (${request.peerProblem})${from}`;
  return `nobody: ${request.tls === 'none' ? 'plaintext' : 'no client certificate'}${from}`;
}
