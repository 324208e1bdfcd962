import { hash, timingSafeEqual } from 'node:crypto';
import type { BundleReader } from '../../authority/index.ts';
import type { Clock } from '../../base/clock.ts';
import type { Duration } from '../../base/duration.ts';
import type { Logger } from '../../base/logger.ts';

/** Someone of another trust domain who fetches our bundle, known by the secret in the URL that it was given. */
export interface NamedReader {
  readonly name: string;
  /** SHA-256. */
  readonly tokenHash: Uint8Array;
}

/** One small text that outlives the server. */
export interface ReaderNotes {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

export interface BundleReadersParts {
  readonly readers: readonly NamedReader[];
  readonly notes: ReaderNotes;
  /** How long a reader may stay away before it counts no more: the longest that a certificate of ours lives. */
  readonly silentAfter: Duration;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Note {
  /** The newest that it was given; 0 before its first. */
  readonly sequence: bigint;
  readonly since: number;
  /** When it fetched last, or became known. */
  readonly heardAt: number;
}

const heardWrittenEveryMs = 300_000;

/** Which bundle each named reader has: a rotation waits for them as it waits for agents. */
export class BundleReaders {
  readonly #parts: BundleReadersParts;
  readonly #notes: Map<string, Note>;
  readonly #listeners = new Set<() => void>();
  #writtenAt = 0;
  #writing: Promise<void> = Promise.resolve();

  private constructor(parts: BundleReadersParts, notes: Map<string, Note>) {
    this.#parts = parts;
    this.#notes = notes;
  }

  /** One that was never heard counts from now on, also over restarts: it was given the old bundle, or nothing. */
  static async open(parts: BundleReadersParts): Promise<BundleReaders> {
    const known = await readNotes(parts);
    const now = parts.clock.now();
    const fresh: Note = { sequence: 0n, since: now, heardAt: now };
    const notes = new Map(parts.readers.map(({ name }) => [name, known.get(name) ?? fresh]));
    const readers = new BundleReaders(parts, notes);
    if (parts.readers.length > 0) await readers.#write();
    return readers;
  }

  /** Whose secret this is; every one is compared, in constant time. */
  nameOf(token: string): string | undefined {
    const given = hash('sha256', token, 'buffer');
    let found: string | undefined;
    for (const { name, tokenHash } of this.#parts.readers)
      if (timingSafeEqual(tokenHash, given)) found = name;
    return found;
  }

  /** It was given the bundle of this sequence. */
  fetched(name: string, sequence: bigint): void {
    const now = this.#parts.clock.now();
    const before = this.#notes.get(name);
    if (before === undefined) return;
    const isNew = before.sequence !== sequence;
    this.#notes.set(name, { sequence, since: isNew ? now : before.since, heardAt: now });
    if (isNew || now - this.#writtenAt >= heardWrittenEveryMs) void this.#write();
    for (const listener of this.#listeners) listener();
  }

  list(): readonly BundleReader[] {
    return [...this.#notes].map(([name, { sequence, since, heardAt }]) => ({
      kind: 'federation',
      name,
      sequence,
      since,
      reportedAt: heardAt,
      silentAfter: this.#parts.silentAfter,
    }));
  }

  watch(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Resolves when what is known is written down. */
  async flush(): Promise<void> {
    if (this.#notes.size > 0) await this.#write();
  }

  #write(): Promise<void> {
    this.#writtenAt = this.#parts.clock.now();
    this.#writing = this.#writing
      .then(() => this.#parts.notes.write(formatNotes(this.#notes)))
      .catch((error: unknown) => {
        // After a restart such a reader seems to hold an older bundle: a rotation waits longer, and never too short.
        this.#parts.logger.warn('what readers of the bundle hold could not be written', {
          error: String(error),
        });
      });
    return this.#writing;
  }
}

interface Written {
  readonly name: string;
  readonly sequence: string;
  readonly since: number;
  readonly heardAt: number;
}

function formatNotes(notes: ReadonlyMap<string, Note>): string {
  const written = [...notes].map(
    ([name, { sequence, ...times }]): Written => ({ name, sequence: String(sequence), ...times }),
  );
  return `${JSON.stringify(written)}\n`;
}

async function readNotes({ notes, logger, readers }: BundleReadersParts): Promise<ReadonlyMap<string, Note>> {
  if (readers.length === 0) return new Map();
  try {
    const written = JSON.parse((await notes.read()) ?? '[]') as readonly Written[];
    return new Map(
      written.map(({ name, sequence, since, heardAt }) => [
        name,
        { sequence: BigInt(sequence), since, heardAt },
      ]),
    );
  } catch (error) {
    logger.warn('what readers of the bundle held is not known any more', { error: String(error) });
    return new Map();
  }
}
