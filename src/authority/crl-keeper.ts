import { type Duration, hours, minutes } from '../base/duration.ts';
import { buildCrl, type Crl, type CrlEntry, type Issuer } from '../x509/index.ts';
import { filledSlots, type Journal, rotationState } from './journal.ts';
import type { JournalKeeper } from './journal-keeper.ts';
import { openSlot } from './open-slot.ts';
import type { AuthorityPorts } from './ports.ts';
import { authorityId, type FilledSlot } from './slot.ts';

/** A certificate of ours that does not count although it lives. */
export interface RevokedLeaf {
  /** `authorityId` of who signed it, lower-case hex. */
  readonly issuerKeyId: string;
  readonly serial: string;
  readonly revokedAt: number;
}

/** One issuer's list of what it takes back. */
export interface RevocationList {
  readonly issuerId: string;
  readonly crl: Crl;
}

const none: readonly RevocationList[] = Object.freeze([]);
const backDatedBy = minutes(2);

/**
 * The revocation lists of everything that signs or signed here. There are none before something is revoked; from then
 * on each issuer has one, an empty one too, because some verifiers want a list of every authority of a chain or none.
 */
export class CrlKeeper {
  readonly #ports: AuthorityPorts;
  readonly #keeper: JournalKeeper;
  readonly #lifetime: Duration;
  readonly #issuers = new Map<string, Issuer>();
  #leaves: readonly RevokedLeaf[] = [];
  #content = '';
  #lists = none;
  #refreshAt = Number.POSITIVE_INFINITY;

  constructor(ports: AuthorityPorts, keeper: JournalKeeper, leafLifetime: Duration) {
    this.#ports = ports;
    this.#keeper = keeper;
    this.#lifetime = Math.max(2 * leafLifetime, hours(1)) as Duration;
  }

  /** All lists, as they are published over HTTP. */
  get lists(): readonly RevocationList[] {
    return this.#lists;
  }

  /** When they must be made anew. */
  get refreshAt(): number {
    return this.#refreshAt;
  }

  setLeaves(leaves: readonly RevokedLeaf[]): void {
    this.#leaves = leaves;
  }

  /** Makes the lists anew if what they say changed or their time is half over. True when they are others. */
  async update(): Promise<boolean> {
    const now = this.#ports.clock.now();
    const wanted = this.#wanted(this.#keeper.current, now);
    const content = JSON.stringify(wanted.map(({ slot, entries }) => [slot.name, entries]));
    const isNeeded = wanted.some(({ entries }) => entries.length > 0) || this.#keeper.current.crlNumber > 0n;
    if (!isNeeded || (content === this.#content && now < this.#refreshAt)) return false;
    const number = this.#keeper.current.crlNumber + 1n;
    await this.#keeper.commit({ ...this.#keeper.current, crlNumber: number });
    const lists: RevocationList[] = [];
    for (const { slot, entries } of wanted) {
      const issuer = await this.#open(slot);
      const nextUpdate = Math.min(now + this.#lifetime, slot.certificate.notAfter);
      const crl = await buildCrl({ issuer, number, thisUpdate: now - backDatedBy, nextUpdate, entries });
      lists.push({ issuerId: authorityId(slot.certificate), crl });
    }
    this.#lists = lists;
    this.#content = content;
    this.#refreshAt = now + this.#lifetime / 2;
    return true;
  }

  #wanted(journal: Journal, now: number): { slot: FilledSlot; entries: readonly CrlEntry[] }[] {
    const keys = rotationState(journal).keys;
    const idOf = new Map(keys.map((key) => [key.name, key]));
    const slots = filledSlots(journal, 'self-managed');
    return slots
      .filter(
        ({ state, keyDestroyed, certificate }) =>
          (state === 'active' || state === 'old') && keyDestroyed !== true && now < certificate.notAfter,
      )
      .map((slot) => {
        const id = authorityId(slot.certificate);
        const below = slots.filter(
          ({ name, revoked, certificate }) =>
            revoked !== undefined && idOf.get(name)?.issuerId === id && now <= certificate.notAfter,
        );
        const authorities = below.map(({ certificate, revoked }) => ({
          serial: certificate.serial,
          revokedAt: revoked?.at ?? now,
        }));
        const leaves = this.#leaves
          .filter(({ issuerKeyId }) => issuerKeyId === id)
          .map(({ serial, revokedAt }) => ({ serial, revokedAt }));
        return { slot, entries: [...authorities, ...leaves] };
      });
  }

  async #open(slot: FilledSlot): Promise<Issuer> {
    const known = this.#issuers.get(slot.name);
    if (known !== undefined) return known;
    const issuer = await openSlot(this.#ports, slot);
    this.#issuers.set(slot.name, issuer);
    return issuer;
  }
}
