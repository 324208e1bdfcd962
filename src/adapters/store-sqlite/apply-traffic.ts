import { otherTrafficKey, type TrafficRow } from '../../operations/ports/index.ts';
import type { Write } from './protocol.ts';
import type { Statements } from './statements.ts';

/** Keys of one hour: callers and paths are what others make up. */
const mostKeysAnHour = 100_000;

/** Adds to rows that are there, and makes rows while there is room; the rest is counted in one row of the hour. */
export function addTraffic(
  { rows }: Extract<Write, { kind: 'add-traffic' }>,
  statements: Statements,
): undefined {
  const room = new Map<number, number>();
  for (const row of rows) {
    if (bump(row, statements)) continue;
    let left = room.get(row.hour);
    left ??= mostKeysAnHour - Number(statements.countTraffic.get(row.hour)?.['n'] ?? 0);
    room.set(row.hour, left - 1);
    const kept = left > 0 ? row : { ...row, ...otherTrafficKey, node: '' };
    if (left > 0 || !bump(kept, statements)) insert(kept, statements);
  }
}

function keyOf({ hour, destination, caller, port, tls, method, path, node }: TrafficRow) {
  return [hour, destination, caller, port, tls, method, path, node] as const;
}

function bump(row: TrafficRow, statements: Statements): boolean {
  const { allowed, denied, lastAt } = row;
  return statements.bumpTraffic.run(allowed, denied, lastAt, ...keyOf(row)).changes !== 0;
}

function insert(row: TrafficRow, statements: Statements): void {
  const { allowed, denied, lastAt } = row;
  statements.insertTraffic.run(...keyOf(row), allowed, denied, lastAt);
}
