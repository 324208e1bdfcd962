import type { DecisionRing, DecisionRow } from '../ports/index.ts';
import { decisionErrors } from './errors.ts';
import type { DecisionRecord } from './record.ts';

const mostAtOnce = 1_000;
const longestRow = 512 * 1024;

interface WrittenRow extends Omit<DecisionRow, 'storeRevision'> {
  readonly storeRevision: string;
}

/** A row as a node sends it. */
export function writeDecisionRow(row: DecisionRow): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...row, storeRevision: String(row.storeRevision) }));
}

/**
 * Puts records of a node on record here, each with the node's name: whatever a node says, it says of itself. Throws
 * DECISIONS_MALFORMED, and then takes none of them.
 */
export function takeShippedDecisions(
  ring: Pick<DecisionRing, 'note'>,
  node: string,
  records: readonly Uint8Array[],
): void {
  if (records.length > mostAtOnce) throw decisionErrors.DECISIONS_MALFORMED();
  const rows = records.map((bytes) => readRow(bytes, node));
  for (const row of rows) ring.note(row);
}

function readRow(bytes: Uint8Array, node: string): DecisionRow {
  try {
    if (bytes.length > longestRow) throw new Error('too long');
    const row = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as WrittenRow;
    const { id, at, outcome, reason, source, destination } = row;
    const texts = [reason, source, destination, row.body];
    if (!/^[0-9A-HJKMNP-TV-Z]{26}$/.test(id) || !Number.isSafeInteger(at)) throw new Error('no id or time');
    if ((outcome !== 'allow' && outcome !== 'deny') || texts.some((text) => typeof text !== 'string'))
      throw new Error('a field is missing');
    const record = JSON.parse(row.body) as DecisionRecord;
    if (record.id !== id) throw new Error('the ids differ');
    return {
      id,
      at,
      outcome,
      reason,
      source,
      destination,
      storeRevision: BigInt(row.storeRevision),
      body: JSON.stringify({ ...record, node }),
    };
  } catch (cause) {
    throw decisionErrors.DECISIONS_MALFORMED({ cause });
  }
}
