import { withoutSlot } from './journal.ts';
import type { JournalKeeper } from './journal-keeper.ts';
import type { AuthorityPorts } from './ports.ts';
import { isFinished } from './slot.ts';

/** A prepared slot that says nothing of its key has one that was never used: a crash came between (S19). */
export async function removeUnfinished(ports: AuthorityPorts, keeper: JournalKeeper): Promise<void> {
  for (const slot of keeper.current.slots) {
    if (isFinished(slot) || slot.state !== 'prepared') continue;
    await keeper.settle();
    await ports.keys.remove(slot.name);
    await keeper.commit(withoutSlot(keeper.current, slot.name));
  }
}
