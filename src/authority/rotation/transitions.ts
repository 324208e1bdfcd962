import type { AuthorityRole, SlotHistory, Verdict } from '../slot.ts';
import type { RotationOrder, RotationOrders } from './model.ts';

/** How steps change what is remembered of keys. Generic, so that a model with nothing but histories runs on the same. */
type Keys<K extends SlotHistory> = readonly K[];

function change<K extends SlotHistory>(keys: Keys<K>, name: string, by: (key: K) => K): Keys<K> {
  if (!keys.some((key) => key.name === name)) throw new TypeError(`no slot ${name}`);
  return keys.map((key) => (key.name === name ? by(key) : key));
}

export function published<K extends SlotHistory>(
  keys: Keys<K>,
  name: string,
  publication: { readonly at: number; readonly sequence: bigint },
): Keys<K> {
  return change(keys, name, (key) => ({ ...key, published: publication }));
}

/** Each of `names` signs from now on; what signed in its place steps down. */
export function activated<K extends SlotHistory>(
  keys: Keys<K>,
  names: readonly string[],
  at: number,
): Keys<K> {
  let result = keys;
  for (const name of names) {
    const chosen = result.find((key) => key.name === name);
    if (chosen === undefined) throw new TypeError(`no slot ${name}`);
    result = result.map((key): K => {
      if (key === chosen) {
        const { steppedDownAt: _, ...rest } = key;
        return { ...rest, state: 'active', activatedAt: at } as K;
      }
      const stepsDown = key.role === chosen.role && key.origin === chosen.origin && key.state === 'active';
      return stepsDown ? { ...key, state: 'old', steppedDownAt: at } : key;
    });
  }
  return result;
}

export function retired<K extends SlotHistory>(keys: Keys<K>, names: readonly string[]): Keys<K> {
  return keys.map((key) => (names.includes(key.name) ? { ...key, state: 'retired' } : key));
}

/** `forget` false: the key is gone, the slot is remembered for the CRL. */
export function pruned<K extends SlotHistory>(keys: Keys<K>, name: string, forget: boolean): Keys<K> {
  if (forget) return keys.filter((key) => key.name !== name);
  return change(keys, name, (key) => ({ ...key, keyDestroyed: true }));
}

export function tainted<K extends SlotHistory>(
  keys: Keys<K>,
  names: readonly string[],
  verdict: Verdict,
): Keys<K> {
  return keys.map((key) => (names.includes(key.name) ? { ...key, taint: key.taint ?? verdict } : key));
}

export function revokedKeys<K extends SlotHistory>(
  keys: Keys<K>,
  names: readonly string[],
  verdict: Verdict,
): Keys<K> {
  return keys.map((key) =>
    names.includes(key.name) ? { ...key, state: 'retired', revoked: key.revoked ?? verdict } : key,
  );
}

export function withOrder(
  orders: RotationOrders,
  role: AuthorityRole,
  order: RotationOrder | undefined,
): RotationOrders {
  const { [role]: _, ...others } = orders;
  return order === undefined ? others : { ...others, [role]: order };
}
