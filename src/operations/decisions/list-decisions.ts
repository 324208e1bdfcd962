import type { DecisionQuery, DecisionRing } from '../ports/index.ts';
import type { DecisionRecord } from './record.ts';

/** Recorded decisions, newest first; oldest first with `after`, for those who follow. */
export async function listDecisions(
  ring: DecisionRing,
  query: DecisionQuery,
): Promise<readonly DecisionRecord[]> {
  return (await ring.list(query)).map(({ body }) => JSON.parse(body) as DecisionRecord);
}
