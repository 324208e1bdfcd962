/** A real store in a directory of its own, for tests of servers and processes. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { vi } from 'vitest';
import {
  openStore,
  type SqliteStore,
  type StoreOptions,
  stateFiles,
} from '../../src/adapters/store-sqlite/index.ts';
import { Checkpointer, ed25519Signer, ed25519Verifier } from '../../src/operations/audit/index.ts';
import type { AuditCheckpoints } from '../../src/operations/ports/index.ts';
import { FakeClock } from '../fakes/clock.ts';
import { FakeLogger } from '../fakes/logger.ts';
import { FakeRandom } from '../fakes/random.ts';
import { auditEvent, issuanceRecord } from './store-contract.ts';

/** A directory that goes away with the test. */
export function scratchDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'castellan-store-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function openTestStore(
  stateDirectory: string,
  options: Partial<StoreOptions> = {},
): Promise<SqliteStore> {
  return openStore({ stateDirectory, clock: new FakeClock(), random: new FakeRandom(), ...options });
}

export const serialNumber = (n: number) => `01${n.toString(16).padStart(38, '0')}`;

/** Records certificates `from` to `from + count - 1`, all at once. */
export async function recordMany(store: SqliteStore, count: number, from = 0): Promise<void> {
  const one = (n: number) =>
    store.issuances.recordIssuance(
      issuanceRecord(serialNumber(n), { der: new Uint8Array(600).fill(n & 0xff) }),
      auditEvent({ requestId: `req-${n}` }),
    );
  await Promise.all(Array.from({ length: count }, (_, i) => one(from + i)));
}

/** Reaches behind the store's back, as damage and intruders do. Only on a closed database. */
export function tamper(stateDirectory: string, sql: string): void {
  const db = new DatabaseSync(stateFiles(stateDirectory).database, { defensive: false });
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

/** An audit key and a checkpoint file kept in memory. */
export function checkpointKeeper(): {
  readonly lines: string[];
  readonly checkpoints: AuditCheckpoints;
  follow(store: SqliteStore): Checkpointer;
} {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const lines: string[] = [];
  const log = { append: async (line: string) => void lines.push(line), read: async () => lines };
  return {
    lines,
    checkpoints: { lines, verifier: ed25519Verifier('audit', publicKey) },
    follow: (store) =>
      new Checkpointer({
        clock: new FakeClock(),
        logger: new FakeLogger(),
        audit: store.audit,
        origin: store.identity(),
        signer: ed25519Signer('audit', privateKey),
        log,
      }),
  };
}

/** Waits for what the writer thread will do in its own time; the bound is a hang guard only. */
export function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 60_000, interval: 10 });
}
