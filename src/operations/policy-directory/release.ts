import type { Clock } from '../../base/clock.ts';
import { type Random, ulid } from '../../base/random.ts';
import type { ResourceStore } from '../ports/index.ts';
import { titleOf } from '../stored-document.ts';
import { isOfDirectory } from './plan.ts';

/** Where no directory is configured any more, what one owned stays and becomes everybody's. Returns how many. */
export async function releaseDirectory(
  store: ResourceStore,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<number> {
  const owned = (await store.list()).filter(({ owner }) => isOfDirectory(owner));
  if (owned.length === 0) return 0;
  const requestId = ulid(clock.now(), random);
  await store.write(
    owned.map(({ kind, namespace, name, content }) => ({
      put: { kind, namespace, name, content, owner: '' },
    })),
    owned.map((one) => ({
      actor: 'castellan',
      actorMethod: 'directory',
      action: 'resource.update',
      object: titleOf(one),
      result: 'success',
      requestId,
      detail: { released: one.owner },
    })),
  );
  return owned.length;
}
