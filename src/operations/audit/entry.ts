import { createHash } from 'node:crypto';
import type { AuditEntry, AuditEvent, AuditHead } from '../ports/audit.ts';
import { canonicalJson } from './canonical.ts';

/** What stands before the first entry. */
export const genesisHash = '0'.repeat(64);

export const emptyHead: AuditHead = { sequence: 0, hash: genesisHash };

/** When and by whom an entry is written. */
export interface AuditStamp {
  readonly at: number;
  readonly bootTime: number;
  readonly instance: string;
  readonly epoch: number;
}

/** An entry as it is kept: the very text that was hashed, so that verifying does not depend on how we write JSON. */
export interface AuditRow {
  readonly sequence: number;
  readonly body: string;
  readonly hash: string;
}

/** Adds `event` to the chain that ends in `head`. */
export function chainEvent(head: AuditHead, event: AuditEvent, stamp: AuditStamp): AuditRow {
  const sequence = head.sequence + 1;
  const body = auditBody({ ...event, ...stamp, sequence, prevHash: head.hash });
  return { sequence, body, hash: hashBody(body) };
}

export function hashBody(body: string): string {
  return createHash('sha256').update(body, 'utf8').digest('hex');
}

/** canonicalJson of the entry without its hash, its fixed members spelled out: this runs for every certificate. */
export function auditBody(entry: Omit<AuditEntry, 'hash'>): string {
  const address =
    entry.actorAddress === undefined ? '' : `"actorAddress":${JSON.stringify(entry.actorAddress)},`;
  return (
    `{"action":${JSON.stringify(entry.action)},"actor":${JSON.stringify(entry.actor)},${address}` +
    `"actorMethod":${JSON.stringify(entry.actorMethod)},"at":${canonicalJson(entry.at)},` +
    `"bootTime":${canonicalJson(entry.bootTime)},"detail":${canonicalJson(entry.detail)},"epoch":${entry.epoch},` +
    `"instance":${JSON.stringify(entry.instance)},"object":${JSON.stringify(entry.object)},` +
    `"prevHash":"${entry.prevHash}","requestId":${JSON.stringify(entry.requestId)},"result":"${entry.result}",` +
    `"sequence":${entry.sequence}}`
  );
}

/** The entry a row holds; its hash is not checked here. */
export function readEntry(row: AuditRow): AuditEntry {
  return { ...(JSON.parse(row.body) as Omit<AuditEntry, 'hash'>), hash: row.hash };
}
