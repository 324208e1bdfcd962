import { hash } from 'node:crypto';
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
  return hash('sha256', body, 'hex');
}

/**
 * canonicalJson of the entry without its hash. Its own members are written in canonical order and none looks like an
 * array index, so JSON.stringify keeps that order; only `detail` has to be sorted. This runs for every certificate.
 */
export function auditBody(entry: Omit<AuditEntry, 'hash'>): string {
  const { action, actor, actorAddress, actorMethod, at, bootTime, detail } = entry;
  const { epoch, instance, object, prevHash, requestId, result, sequence } = entry;
  const before = JSON.stringify({ action, actor, actorAddress, actorMethod, at, bootTime });
  const after = JSON.stringify({ epoch, instance, object, prevHash, requestId, result, sequence });
  return `${before.slice(0, -1)},"detail":${canonicalJson(detail)},${after.slice(1)}`;
}

/** The entry a row holds; its hash is not checked here. */
export function readEntry(row: AuditRow): AuditEntry {
  return { ...(JSON.parse(row.body) as Omit<AuditEntry, 'hash'>), hash: row.hash };
}
