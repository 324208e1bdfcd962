import type { RecordOutcome, ResourceChange } from '../../operations/ports/index.ts';
import { admitNode, changeNode, noteNodes, renewNode } from './apply-nodes.ts';
import { addTraffic } from './apply-traffic.ts';
import { insertIssuance } from './insert-issuance.ts';
import type { Ledger } from './ledger.ts';
import type { ResourcesWritten, Write, WriteAnswer } from './protocol.ts';
import { insertOnce, Refused } from './refused.ts';
import { bytesOf, hexOf, readChain } from './rows.ts';
import type { Statements } from './statements.ts';

/** Expired idempotency rows swept with each write that adds one: the table empties itself. */
const sweptPerWrite = 4;

/** Does one write inside the transaction at hand. Checks first, then writes: see `Ledger.touched`. */
export function applyWrite(write: Write, ledger: Ledger, statements: Statements): WriteAnswer {
  switch (write.kind) {
    case 'issue':
      return applyIssue(write, ledger, statements);
    case 'append':
      ledger.append(write.audit);
      return undefined;
    case 'create-token':
      return applyCreateToken(write, ledger, statements);
    case 'redeem-token':
      return applyRedeemToken(write, ledger, statements);
    case 'revoke':
      return applyRevoke(write, ledger, statements);
    case 'lift':
      return applyLift(write, ledger, statements);
    case 'resources':
      return applyResources(write, ledger, statements);
    case 'admit-node':
      return admitNode(write, ledger, statements);
    case 'renew-node':
      return renewNode(write, ledger, statements);
    case 'change-node':
      return changeNode(write, ledger, statements);
    case 'note-nodes':
      return noteNodes(write, ledger, statements);
    case 'add-traffic':
      ledger.touched = true;
      return addTraffic(write, statements);
    case 'prune':
      return applyPrune(write, ledger, statements);
  }
}

type Of<K extends Write['kind']> = Extract<Write, { kind: K }>;

function applyIssue(write: Of<'issue'>, ledger: Ledger, statements: Statements): RecordOutcome {
  const { record: r, idempotency } = write;
  if (idempotency !== undefined) {
    const row = statements.findIdempotency.get(bytesOf(idempotency.keyHash), idempotency.callerSubject);
    if (row !== undefined && Number(row['expires_at']) > ledger.now) {
      if (hexOf(row['csr_sha256']) !== idempotency.csrSha256) throw new Refused('IDEMPOTENCY_CONFLICT');
      return { replayed: true, chainPem: readChain(row['chain']) };
    }
  }
  const writeAudit = ledger.link(write.audit);
  insertIssuance(r, ledger, statements);
  writeAudit();
  if (idempotency !== undefined) {
    const { keyHash, callerSubject, csrSha256, expiresAt, chainPem } = idempotency;
    statements.sweepIdempotency.run(ledger.now, sweptPerWrite);
    const key = [bytesOf(keyHash), callerSubject, bytesOf(csrSha256)];
    statements.putIdempotency.run(...key, expiresAt, JSON.stringify(chainPem));
  }
  return { replayed: false };
}

function applyCreateToken(write: Of<'create-token'>, ledger: Ledger, statements: Statements): undefined {
  const writeAudit = ledger.link(write.audit);
  insertOnce('JOIN_TOKEN_TAKEN', () =>
    statements.insertToken.run(bytesOf(write.hash), write.spiffeId, write.expiresAt, ledger.now),
  );
  ledger.touched = true;
  writeAudit();
}

/** One statement finds, judges and removes: there is no moment between in which a second caller could win (G9). */
function applyRedeemToken(write: Of<'redeem-token'>, ledger: Ledger, statements: Statements) {
  const row = statements.redeemToken.get(bytesOf(write.hash), write.now);
  if (row === undefined) return undefined;
  ledger.touched = true;
  const spiffeId = String(row['spiffe_id']);
  ledger.append({ ...write.audit, object: spiffeId });
  return { spiffeId };
}

function applyRevoke(write: Of<'revoke'>, ledger: Ledger, statements: Statements): undefined {
  const writeAudit = ledger.link(write.audit);
  const [serial, spiffeId] = targetColumns(write.target);
  statements.insertRevocation.run(serial, spiffeId, write.reason, write.at, write.audit.actor);
  ledger.touched = true;
  writeAudit();
}

function applyLift(write: Of<'lift'>, ledger: Ledger, statements: Statements): boolean {
  const writeAudit = ledger.link(write.audit);
  if (statements.deleteRevocation.run(...targetColumns(write.target)).changes === 0) return false;
  ledger.touched = true;
  writeAudit();
  return true;
}

function targetColumns(target: Of<'lift'>['target']): [Buffer | null, string | null] {
  return [target.serial === undefined ? null : bytesOf(target.serial), target.spiffeId ?? null];
}

function applyResources(write: Of<'resources'>, ledger: Ledger, statements: Statements): ResourcesWritten {
  const createdAt = write.changes.map((change) => checkChange(change, ledger, statements));
  const revision = ledger.counters.revision + 1;
  ledger.touched = true;
  ledger.change({ revision });
  for (const [index, change] of write.changes.entries()) {
    const key = 'put' in change ? change.put : change.delete;
    statements.keepHistory.run(revision, key.kind, key.namespace, key.name);
    if ('delete' in change) {
      const { kind, namespace, name } = change.delete;
      statements.deleteResource.run(kind, namespace, name);
      continue;
    }
    const { kind, namespace, name, content, owner } = change.put;
    const instants = [createdAt[index] ?? ledger.now, ledger.now];
    statements.putResource.run(kind, namespace, name, content, owner, revision, ...instants);
  }
  trimHistory(revision, statements);
  for (const audit of write.audits) ledger.append(audit);
  return { revision: BigInt(revision), createdAt };
}

/** Revisions kept although no decision on record refers to them: one may be on its way. */
const newestRevisionsKept = 100;

/** D22: what was replaced is kept as long as a decision on record was made by it. */
export function trimHistory(revision: number, statements: Statements): void {
  const oldest = statements.oldestDecided.get()?.['oldest'];
  const recent = revision - newestRevisionsKept;
  const base = Math.max(
    0,
    oldest === null || oldest === undefined ? recent : Math.min(Number(oldest), recent),
  );
  if (base === 0) return;
  statements.trimHistory.run(base);
  statements.moveHistoryBase.run(base);
}

function checkChange(change: ResourceChange, ledger: Ledger, statements: Statements): number {
  const { kind, namespace, name } = 'put' in change ? change.put : change.delete;
  const row = statements.findResource.get(kind, namespace, name);
  const found = row === undefined ? 'absent' : BigInt(row['version'] as number);
  if (change.ifVersion !== undefined && change.ifVersion !== found)
    throw new Refused('RESOURCE_VERSION_CONFLICT');
  return row === undefined ? ledger.now : Number(row['created_at']);
}

function applyPrune(write: Of<'prune'>, ledger: Ledger, statements: Statements): number {
  const statement = {
    issuance: statements.pruneIssuances,
    join_token: statements.pruneTokens,
    idempotency: statements.sweepIdempotency,
    traffic: statements.pruneTraffic,
  }[write.table];
  const removed = Number(statement.run(write.endedBefore, write.batch).changes);
  if (removed === 0) return 0;
  ledger.touched = true;
  if (write.table === 'idempotency' || write.table === 'traffic') return removed;
  const { issuances, joinTokens } = write.removedBefore;
  const counts =
    write.table === 'issuance'
      ? { issuances: issuances + removed, joinTokens }
      : { issuances, joinTokens: joinTokens + removed };
  if (write.table === 'issuance') ledger.change({ issuances: ledger.counters.issuances - removed });
  ledger.append({ ...write.audit, detail: { ...write.audit.detail, ...counts } });
  return removed;
}
