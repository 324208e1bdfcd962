import type { DatabaseSync } from 'node:sqlite';

/** `castellan` files carry this in their header, so that no other SQLite file is taken for one. */
export const applicationId = 0x43_53_54_4c;

/**
 * Forward only: a step is never edited once released, the next one is added below it. Each runs in one transaction
 * with the move of user_version (S22).
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    instance_id TEXT NOT NULL,
    serial_prefix INTEGER NOT NULL CHECK (serial_prefix BETWEEN 1 AND 127),
    epoch INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    backup_taken_at INTEGER,
    restored_backup_at INTEGER,
    resource_revision INTEGER NOT NULL DEFAULT 0,
    audit_sequence INTEGER NOT NULL DEFAULT 0,
    audit_hash BLOB NOT NULL,
    audit_base_sequence INTEGER NOT NULL DEFAULT 0,
    audit_base_hash BLOB NOT NULL,
    issuance_count INTEGER NOT NULL DEFAULT 0,
    newest_issued_at INTEGER
  ) STRICT;

  CREATE TABLE issuance (
    id INTEGER PRIMARY KEY,
    serial BLOB NOT NULL UNIQUE CHECK (length(serial) BETWEEN 1 AND 20),
    spiffe_id TEXT NOT NULL,
    caller_subject TEXT NOT NULL,
    caller_method TEXT NOT NULL,
    csr_sha256 BLOB NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    issuer_key_id BLOB NOT NULL,
    shortened INTEGER NOT NULL,
    peer_address TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('issued', 'recovered')),
    epoch INTEGER NOT NULL,
    der BLOB NOT NULL
  ) STRICT;
  CREATE INDEX issuance_by_identity ON issuance (spiffe_id);
  CREATE INDEX issuance_by_end ON issuance (not_after);

  CREATE TABLE idempotency (
    id INTEGER PRIMARY KEY,
    key_hash BLOB NOT NULL,
    caller_subject TEXT NOT NULL,
    csr_sha256 BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    chain TEXT NOT NULL,
    UNIQUE (key_hash, caller_subject)
  ) STRICT;
  CREATE INDEX idempotency_by_end ON idempotency (expires_at);

  CREATE TABLE join_token (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    spiffe_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE revocation (
    id INTEGER PRIMARY KEY,
    serial BLOB UNIQUE,
    spiffe_id TEXT UNIQUE,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    CHECK ((serial IS NULL) <> (spiffe_id IS NULL))
  ) STRICT;

  CREATE TABLE resource (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    owner TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (kind, namespace, name)
  ) STRICT;

  CREATE TABLE refusal (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    evidence TEXT NOT NULL
  ) STRICT;
  CREATE INDEX refusal_by_request ON refusal (request_id);

  CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    body TEXT NOT NULL,
    hash BLOB NOT NULL
  ) STRICT;
  CREATE INDEX audit_by_request ON audit (request_id);
  CREATE TRIGGER audit_is_not_edited BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit entries are not edited'); END;
  CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
    WHEN old.sequence > (SELECT audit_base_sequence FROM meta)
    BEGIN SELECT RAISE(ABORT, 'audit entries above the base are not deleted'); END;
  `,
  `
  CREATE TABLE decision (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('allow', 'deny')),
    reason TEXT NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    store_revision INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX decision_by_revision ON decision (store_revision);
  CREATE TABLE resource_history (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    owner TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    until_revision INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX resource_history_by_end ON resource_history (until_revision);
  CREATE TABLE history_bounds (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    history_base INTEGER NOT NULL
  ) STRICT;
  INSERT INTO history_bounds (id, history_base) SELECT 1, resource_revision FROM meta
    UNION ALL SELECT 1, 0 WHERE NOT EXISTS (SELECT 1 FROM meta);
  `,
  `
  CREATE TABLE node (
    id TEXT PRIMARY KEY,
    method TEXT NOT NULL,
    selectors TEXT NOT NULL,
    agent_version TEXT NOT NULL,
    serial BLOB NOT NULL,
    not_after INTEGER NOT NULL,
    attested_at INTEGER NOT NULL,
    renewed_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('attested', 'evicted', 'banned')),
    state_reason TEXT NOT NULL,
    state_changed_at INTEGER NOT NULL,
    bundles TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE traffic (
    hour INTEGER NOT NULL,
    destination TEXT NOT NULL,
    caller TEXT NOT NULL,
    port INTEGER NOT NULL,
    tls TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    node TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (hour, destination, caller, port, tls, method, path, node)
  ) STRICT, WITHOUT ROWID;
  `,
];

export const schemaVersion = migrations.length;

export function readVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
}

/** Moves the schema to `to`, one transaction a step; returns how many steps were taken. */
export function migrate(db: DatabaseSync, steps: readonly string[] = migrations): number {
  const from = readVersion(db);
  for (const [index, step] of steps.entries()) {
    if (index < from) continue;
    db.exec('BEGIN IMMEDIATE');
    try {
      db.exec(step);
      db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${index + 1}`);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
  return Math.max(0, steps.length - from);
}
