import { hourMs, type TrafficRow } from '../ports/index.ts';
import { trafficErrors } from './errors.ts';
import type { TrafficCounter } from './traffic-counter.ts';

const mostAtOnce = 1_000;
const longestRow = 16 * 1024;
/** A node that was away ships what it counted meanwhile. */
const oldestMs = 8 * 24 * hourMs;

/** A row as a node sends it. */
export function writeTrafficRow(row: TrafficRow): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(row));
}

/** Counts what a node counted, under the node's name. Throws TRAFFIC_MALFORMED, and then takes none of it. */
export function takeShippedTraffic(
  counter: Pick<TrafficCounter, 'add'>,
  node: string,
  { rows, now }: { readonly rows: readonly Uint8Array[]; readonly now: number },
): void {
  if (rows.length > mostAtOnce) throw trafficErrors.TRAFFIC_MALFORMED();
  counter.add(rows.map((bytes) => readRow(bytes, { node, now })));
}

function readRow(
  bytes: Uint8Array,
  { node, now }: { readonly node: string; readonly now: number },
): TrafficRow {
  try {
    if (bytes.length > longestRow) throw new Error('too long');
    const read = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as TrafficRow;
    const { hour, caller, destination, port, tls, method, path, allowed, denied, lastAt } = read;
    const counts = [hour, port, allowed, denied, lastAt];
    if (counts.some((one) => !Number.isSafeInteger(one) || one < 0)) throw new Error('a number is none');
    if ([caller, destination, method, path].some((text) => typeof text !== 'string'))
      throw new Error('a text is missing');
    if (tls !== 'mutual' && tls !== 'one-way' && tls !== 'none') throw new Error('tls is unknown');
    if (hour % hourMs !== 0 || hour > now + hourMs || hour < now - oldestMs)
      throw new Error('the hour is not one of late');
    return { hour, node, caller, destination, port, tls, method, path, allowed, denied, lastAt };
  } catch (cause) {
    throw trafficErrors.TRAFFIC_MALFORMED({ cause });
  }
}
