import type { TrustDomain } from '../spiffe/index.ts';
import { authorityErrors } from './errors.ts';
import type { Journal } from './journal.ts';
import { formatJournal, parseJournal } from './journal-text.ts';
import type { JournalStore } from './ports.ts';

/** The journal in memory and on disk: `commit` resolves only when the new one is durable. */
export class JournalKeeper {
  readonly #store: JournalStore;
  #journal: Journal;
  #text: string | undefined;
  /** A write failed: what is on disk may be the journal before it or the one it wrote. */
  #isUncertain = false;

  /** `text`: what the store holds now; absent when nothing was written yet. */
  constructor(store: JournalStore, journal: Journal, text?: string) {
    this.#store = store;
    this.#journal = journal;
    this.#text = text;
  }

  /** Throws AUTHORITY_MISSING when there is none: a new authority is only ever made on request (S06). */
  static async open(store: JournalStore, trustDomain: TrustDomain): Promise<JournalKeeper> {
    const text = await store.read();
    if (text === undefined) throw authorityErrors.AUTHORITY_MISSING();
    const journal = parseJournal(text);
    if (journal.trustDomain !== trustDomain)
      throw authorityErrors.AUTHORITY_TRUST_DOMAIN({
        message: `the authority belongs to trust domain \`${journal.trustDomain}\`, not to \`${trustDomain}\``,
      });
    return new JournalKeeper(store, journal, text);
  }

  get current(): Journal {
    return this.#journal;
  }

  async commit(next: Journal): Promise<void> {
    if (next === this.#journal && !this.#isUncertain) return;
    await this.#refuseWhenOvertaken();
    const text = formatJournal(next);
    this.#isUncertain = true;
    await this.#store.write(text);
    this.#isUncertain = false;
    this.#text = text;
    this.#journal = next;
  }

  /** Two processes on one journal never both act: who did not write the last one stops. */
  async #refuseWhenOvertaken(): Promise<void> {
    if (this.#text === undefined || this.#isUncertain) return;
    if ((await this.#store.read()) !== this.#text) throw authorityErrors.AUTHORITY_JOURNAL_TAKEN();
  }

  /** After a failed write: makes disk say what memory says. Needed before a key is removed that disk may rely on. */
  settle(): Promise<void> {
    return this.commit(this.#journal);
  }
}
