import type { Logger } from '../../base/logger.ts';
import type {
  AuditEvent,
  Revocation,
  RevocationStore,
  RevocationTarget,
} from '../../operations/ports/index.ts';
import { Listeners } from './listeners.ts';
import type { Reader } from './reader.ts';
import { readRevocation } from './rows.ts';
import type { WriteQueue } from './write-queue.ts';

/** The deny list is asked on every call, so it stands in memory; the table is read at start and after an outage. */
export class SqliteRevocations implements RevocationStore {
  readonly #queue: WriteQueue;
  readonly #reader: Reader;
  readonly #listeners: Listeners<void>;
  #bySerial = new Map<string, Revocation>();
  #byId = new Map<string, Revocation>();

  constructor(queue: WriteQueue, reader: Reader, logger: Logger) {
    this.#queue = queue;
    this.#reader = reader;
    this.#listeners = new Listeners(logger);
    this.refresh();
  }

  refresh(): void {
    this.#bySerial = new Map();
    this.#byId = new Map();
    for (const row of this.#reader.all('SELECT * FROM revocation ORDER BY id'))
      this.#keep(readRevocation(row));
    this.#listeners.tell();
  }

  revoke(target: RevocationTarget, reason: string, at: number, audit: AuditEvent): Promise<void> {
    return this.#queue.submit<'revoke'>({ kind: 'revoke', target, reason, at, audit }, () => {
      if (this.#find(target) === undefined) this.#keep({ ...target, reason, at, actor: audit.actor });
      this.#listeners.tell();
    });
  }

  lift(target: RevocationTarget, audit: AuditEvent): Promise<boolean> {
    return this.#queue.submit<'lift'>({ kind: 'lift', target, audit }, (lifted) => {
      if (!lifted) return;
      if (target.serial !== undefined) this.#bySerial.delete(target.serial);
      else this.#byId.delete(target.spiffeId);
      this.#listeners.tell();
    });
  }

  isRevoked(serial: string | undefined, spiffeId: string): boolean {
    return this.find(serial, spiffeId) !== undefined;
  }

  find(serial: string | undefined, spiffeId: string): Revocation | undefined {
    return (serial === undefined ? undefined : this.#bySerial.get(serial)) ?? this.#byId.get(spiffeId);
  }

  async list(): Promise<readonly Revocation[]> {
    return [...this.current()].sort((a, b) => a.at - b.at);
  }

  current(): readonly Revocation[] {
    return [...this.#bySerial.values(), ...this.#byId.values()];
  }

  watch(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  #find(target: RevocationTarget): Revocation | undefined {
    return target.serial === undefined ? this.#byId.get(target.spiffeId) : this.#bySerial.get(target.serial);
  }

  #keep(revocation: Revocation): void {
    if (revocation.serial !== undefined) this.#bySerial.set(revocation.serial, revocation);
    else if (revocation.spiffeId !== undefined) this.#byId.set(revocation.spiffeId, revocation);
  }
}
