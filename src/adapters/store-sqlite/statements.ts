import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** The writer's prepared statements. */
export interface Statements {
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly rollback: StatementSync;
  readonly save: StatementSync;
  readonly release: StatementSync;
  readonly undo: StatementSync;
  readonly readMeta: StatementSync;
  readonly writeMeta: StatementSync;
  readonly insertIssuance: StatementSync;
  readonly findIdempotency: StatementSync;
  readonly putIdempotency: StatementSync;
  readonly sweepIdempotency: StatementSync;
  readonly insertAudit: StatementSync;
  readonly insertToken: StatementSync;
  readonly redeemToken: StatementSync;
  readonly insertRevocation: StatementSync;
  readonly deleteRevocation: StatementSync;
  readonly findResource: StatementSync;
  readonly putResource: StatementSync;
  readonly deleteResource: StatementSync;
  readonly insertRefusal: StatementSync;
  readonly trimRefusals: StatementSync;
  readonly insertDecision: StatementSync;
  readonly countDecisions: StatementSync;
  readonly trimDecisions: StatementSync;
  readonly keepHistory: StatementSync;
  readonly oldestDecided: StatementSync;
  readonly trimHistory: StatementSync;
  readonly moveHistoryBase: StatementSync;
  readonly pruneIssuances: StatementSync;
  readonly pruneTokens: StatementSync;
  readonly findNode: StatementSync;
  readonly admitNode: StatementSync;
  readonly renewNode: StatementSync;
  readonly changeNode: StatementSync;
  readonly noteNode: StatementSync;
  readonly bumpTraffic: StatementSync;
  readonly insertTraffic: StatementSync;
  readonly countTraffic: StatementSync;
  readonly pruneTraffic: StatementSync;
}

export function prepareStatements(db: DatabaseSync): Statements {
  const p = (sql: string) => db.prepare(sql);
  return {
    begin: p('BEGIN IMMEDIATE'),
    commit: p('COMMIT'),
    rollback: p('ROLLBACK'),
    save: p('SAVEPOINT one'),
    release: p('RELEASE one'),
    undo: p('ROLLBACK TO one'),
    readMeta: p('SELECT * FROM meta'),
    writeMeta: p(
      `UPDATE meta SET audit_sequence = ?, audit_hash = ?, resource_revision = ?, issuance_count = ?,
       newest_issued_at = ?`,
    ),
    insertIssuance: p(
      `INSERT INTO issuance (serial, spiffe_id, caller_subject, caller_method, csr_sha256, not_before, not_after,
       issued_at, request_id, issuer_key_id, shortened, peer_address, state, epoch, der)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    findIdempotency: p(
      'SELECT csr_sha256, expires_at, chain FROM idempotency WHERE key_hash = ? AND caller_subject = ?',
    ),
    putIdempotency: p(
      `INSERT OR REPLACE INTO idempotency (key_hash, caller_subject, csr_sha256, expires_at, chain)
       VALUES (?, ?, ?, ?, ?)`,
    ),
    sweepIdempotency: p(
      `DELETE FROM idempotency WHERE id IN
       (SELECT id FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,
    ),
    insertAudit: p('INSERT INTO audit (sequence, request_id, body, hash) VALUES (?, ?, ?, ?)'),
    insertToken: p('INSERT INTO join_token (hash, spiffe_id, expires_at, created_at) VALUES (?, ?, ?, ?)'),
    redeemToken: p('DELETE FROM join_token WHERE hash = ? AND expires_at > ? RETURNING spiffe_id'),
    insertRevocation: p(
      'INSERT INTO revocation (serial, spiffe_id, reason, at, actor) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    deleteRevocation: p('DELETE FROM revocation WHERE serial IS ? AND spiffe_id IS ?'),
    findResource: p('SELECT version, created_at FROM resource WHERE kind = ? AND namespace = ? AND name = ?'),
    putResource: p(
      `INSERT INTO resource (kind, namespace, name, content, owner, version, created_at, updated_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET content = excluded.content, owner = excluded.owner, version = excluded.version,
       updated_at = excluded.updated_at`,
    ),
    deleteResource: p('DELETE FROM resource WHERE kind = ? AND namespace = ? AND name = ?'),
    insertRefusal: p(
      'INSERT INTO refusal (request_id, at, code, detail, evidence) VALUES (?, ?, ?, ?, ?) RETURNING id',
    ),
    trimRefusals: p('DELETE FROM refusal WHERE id <= ?'),
    ...prepareDecisions(p),
    ...prepareNodes(p),
    ...prepareTraffic(p),
    ...preparePruning(p),
  };
}

function preparePruning(
  p: (sql: string) => StatementSync,
): Pick<Statements, 'pruneIssuances' | 'pruneTokens'> {
  return {
    pruneIssuances: p(
      `DELETE FROM issuance WHERE id IN
       (SELECT id FROM issuance WHERE not_after < ? ORDER BY not_after LIMIT ?)`,
    ),
    pruneTokens: p(
      `DELETE FROM join_token WHERE hash IN (SELECT hash FROM join_token WHERE expires_at < ? LIMIT ?)`,
    ),
  };
}

type DecisionStatements = Pick<
  Statements,
  | 'insertDecision'
  | 'countDecisions'
  | 'trimDecisions'
  | 'keepHistory'
  | 'oldestDecided'
  | 'trimHistory'
  | 'moveHistoryBase'
>;

/** The ring of decisions, and the resources that they were decided by. */
function prepareDecisions(p: (sql: string) => StatementSync): DecisionStatements {
  return {
    insertDecision: p(
      `INSERT OR IGNORE INTO decision (id, at, outcome, reason, source, destination, store_revision, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    countDecisions: p('SELECT count(*) AS n FROM decision'),
    trimDecisions: p('DELETE FROM decision WHERE id IN (SELECT id FROM decision ORDER BY id LIMIT ?)'),
    keepHistory: p(
      `INSERT INTO resource_history
       SELECT kind, namespace, name, content, owner, version, created_at, updated_at, ?
       FROM resource WHERE kind = ? AND namespace = ? AND name = ?`,
    ),
    oldestDecided: p('SELECT min(store_revision) AS oldest FROM decision'),
    trimHistory: p('DELETE FROM resource_history WHERE until_revision <= ?'),
    moveHistoryBase: p('UPDATE history_bounds SET history_base = max(history_base, ?)'),
  };
}

type NodeStatements = Pick<Statements, 'findNode' | 'admitNode' | 'renewNode' | 'changeNode' | 'noteNode'>;

function prepareNodes(p: (sql: string) => StatementSync): NodeStatements {
  return {
    findNode: p('SELECT * FROM node WHERE id = ?'),
    admitNode: p(
      `INSERT INTO node (id, method, selectors, agent_version, serial, not_after, attested_at, renewed_at,
       last_seen_at, state, state_reason, state_changed_at, bundles)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'attested', '', ?, '[]')
       ON CONFLICT DO UPDATE SET method = excluded.method, selectors = excluded.selectors,
       agent_version = excluded.agent_version, serial = excluded.serial, not_after = excluded.not_after,
       attested_at = excluded.attested_at, renewed_at = excluded.renewed_at, last_seen_at = excluded.last_seen_at,
       state = 'attested', state_reason = '', state_changed_at = excluded.state_changed_at`,
    ),
    renewNode: p('UPDATE node SET serial = ?, not_after = ?, renewed_at = ?, last_seen_at = ? WHERE id = ?'),
    changeNode: p('UPDATE node SET state = ?, state_reason = ?, state_changed_at = ? WHERE id = ?'),
    noteNode: p('UPDATE node SET last_seen_at = max(last_seen_at, ?), bundles = ? WHERE id = ?'),
  };
}

type TrafficStatements = Pick<Statements, 'bumpTraffic' | 'insertTraffic' | 'countTraffic' | 'pruneTraffic'>;

function prepareTraffic(p: (sql: string) => StatementSync): TrafficStatements {
  const key = `hour = ? AND destination = ? AND caller = ? AND port = ? AND tls = ? AND method = ? AND path = ?
    AND node = ?`;
  return {
    bumpTraffic: p(
      `UPDATE traffic SET allowed = allowed + ?, denied = denied + ?, last_at = max(last_at, ?) WHERE ${key}`,
    ),
    insertTraffic: p(
      `INSERT INTO traffic (hour, destination, caller, port, tls, method, path, node, allowed, denied, last_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    countTraffic: p('SELECT count(*) AS n FROM traffic WHERE hour = ?'),
    pruneTraffic: p(
      `DELETE FROM traffic WHERE (hour, destination, caller, port, tls, method, path, node) IN
       (SELECT hour, destination, caller, port, tls, method, path, node FROM traffic WHERE hour < ?
        ORDER BY hour LIMIT ?)`,
    ),
  };
}
