import type { NodeRecord } from '../../operations/ports/index.ts';
import { insertIssuance } from './insert-issuance.ts';
import type { Ledger } from './ledger.ts';
import type { Write } from './protocol.ts';
import { Refused } from './refused.ts';
import { bytesOf, readNode } from './rows.ts';
import type { Statements } from './statements.ts';

type Of<K extends Write['kind']> = Extract<Write, { kind: K }>;

/** The ban is looked at here, where nothing can come between: an attestation that began before it comes too late. */
export function admitNode(write: Of<'admit-node'>, ledger: Ledger, statements: Statements): NodeRecord {
  const { record, node } = write;
  if (statements.findNode.get(node.id)?.['state'] === 'banned') throw new Refused('NODE_BANNED');
  insertIssuance(record, ledger, statements);
  const { issuedAt, serial, notAfter } = record;
  statements.admitNode.run(
    node.id,
    node.method,
    JSON.stringify(node.selectors),
    node.agentVersion,
    bytesOf(serial),
    notAfter,
    issuedAt,
    issuedAt,
    issuedAt,
    issuedAt,
  );
  for (const audit of write.audits) ledger.append(audit);
  return found(node.id, statements);
}

export function renewNode(write: Of<'renew-node'>, ledger: Ledger, statements: Statements): NodeRecord {
  const { record, id } = write;
  if (statements.findNode.get(id)?.['state'] !== 'attested') throw new Refused('NODE_NOT_ATTESTED');
  insertIssuance(record, ledger, statements);
  const { issuedAt, serial, notAfter } = record;
  statements.renewNode.run(bytesOf(serial), notAfter, issuedAt, issuedAt, id);
  for (const audit of write.audits) ledger.append(audit);
  return found(id, statements);
}

export function changeNode(write: Of<'change-node'>, ledger: Ledger, statements: Statements): NodeRecord {
  const { id, to, reason, at, denySerials } = write.change;
  const state = statements.findNode.get(id)?.['state'];
  if (state === undefined || (to === 'unbanned' && state !== 'banned')) throw new Refused('NODE_UNKNOWN');
  const writeAudit = ledger.link(write.audit);
  // An evicted node that was banned stays banned; one whose ban is lifted attests again.
  const next = to === 'unbanned' ? 'evicted' : state === 'banned' ? 'banned' : to;
  statements.changeNode.run(next, reason, at, id);
  ledger.touched = true;
  for (const serial of denySerials)
    statements.insertRevocation.run(bytesOf(serial), null, reason, at, write.audit.actor);
  writeAudit();
  return found(id, statements);
}

export function noteNodes(write: Of<'note-nodes'>, ledger: Ledger, statements: Statements): undefined {
  ledger.touched = true;
  for (const { id, lastSeenAt, bundles } of write.notes)
    statements.noteNode.run(lastSeenAt, JSON.stringify(bundles), id);
}

function found(id: string, statements: Statements): NodeRecord {
  const row = statements.findNode.get(id);
  if (row === undefined) throw new Error('the node that was just written is not there');
  return readNode(row);
}
