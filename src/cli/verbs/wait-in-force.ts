import { parseDuration } from '../../base/duration.ts';
import type { AdminClient } from '../client/admin-client.ts';
import type { EnforcementJson } from '../client/types.ts';
import { usageError } from '../frame/usage.ts';
import type { VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';

/** The server holds a question for so long. */
const roundSeconds = 20;

export function readTimeout(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw usageError(`\`${text}\` is not a duration`, 'castellan apply -f FILE --wait --timeout 30s');
  }
}

/** Asks until the revision is in force everywhere, somebody refuses it, or the time is over. */
export async function waitInForce(
  client: AdminClient,
  { io }: VerbContext,
  { revision, timeoutMs }: { readonly revision: string; readonly timeoutMs: number },
): Promise<EnforcementJson> {
  const end = io.now() + timeoutMs;
  for (;;) {
    const left = Math.max(0, Math.ceil((end - io.now()) / 1_000));
    const waitSeconds = String(Math.min(roundSeconds, left));
    const answer = await client.get<EnforcementJson>('/enforcement', { revision, waitSeconds });
    const refused = answer.enforcers.some((one) => !one.acknowledged && one.problem !== undefined);
    if (answer.inForce || refused || left <= roundSeconds) return answer;
  }
}

/** What came of it, for people; true when it is in force everywhere. */
export function printEnforcement({ out, style }: VerbContext, enforcement: EnforcementJson): boolean {
  const { inForce, acknowledged, enforcers, revision } = enforcement;
  const text = `in force at ${acknowledged} of ${enforcers.length} enforcers (revision ${revision})`;
  if (!out.isStructured && out.format !== 'name') out.line(`${inForce ? style.ok : style.bad} ${text}`);
  for (const { name, acknowledged: hasIt, problem } of enforcers)
    if (!hasIt) out.note(`${printable(name)}: ${printable(problem ?? 'has not answered yet')}`);
  return inForce;
}
