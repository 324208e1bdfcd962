import type { Group } from './attachment.ts';

/** Anything attached within a namespace: groups of authorization policies, request authentications. */
interface Attached {
  readonly namespace: string;
  readonly attachment: Group['attachment'];
}

interface Shelf<T> {
  wide: T | undefined;
  /** Selectors by one of their labels: key, then value. */
  readonly byLabel: Map<string, Map<string, T[]>>;
  readonly byTarget: Map<string, T>;
}

/** Finds what selects a workload without looking at what selects others. */
export class AttachmentIndex<T extends Attached> {
  readonly #shelves = new Map<string, Shelf<T>>();

  /** Each attachment of a namespace once. */
  add(item: T): void {
    const { namespace, attachment } = item;
    let shelf = this.#shelves.get(namespace);
    if (shelf === undefined) {
      shelf = { wide: undefined, byLabel: new Map(), byTarget: new Map() };
      this.#shelves.set(namespace, shelf);
    }
    if (attachment.kind === 'namespace') shelf.wide = item;
    else if (attachment.kind === 'target') shelf.byTarget.set(attachment.target, item);
    else fileByLabel(shelf, item, attachment.labels);
  }

  /** Selectorless first, then selectors that the labels satisfy. */
  forLabels(namespace: string, labels: ReadonlyMap<string, string>): readonly T[] {
    const shelf = this.#shelves.get(namespace);
    if (shelf === undefined) return [];
    const found = shelf.wide === undefined ? [] : [shelf.wide];
    for (const [key, byValue] of shelf.byLabel) {
      const value = labels.get(key);
      if (value === undefined) continue;
      for (const item of byValue.get(value) ?? []) if (selects(item, labels)) found.push(item);
    }
    return found;
  }

  forTarget(namespace: string, target: string): T | undefined {
    return this.#shelves.get(namespace)?.byTarget.get(target);
  }
}

/** Under the label that the fewest selectors are filed under so far: `app=x` rather than a `team=y` that many share. */
function fileByLabel<T>(shelf: Shelf<T>, item: T, labels: readonly (readonly [string, string])[]): void {
  const filed = (label: readonly [string, string]) => shelf.byLabel.get(label[0])?.get(label[1])?.length ?? 0;
  let best = labels[0];
  for (const label of labels) if (best !== undefined && filed(label) < filed(best)) best = label;
  if (best === undefined) return;
  const [key, value] = best;
  const byValue = shelf.byLabel.get(key) ?? new Map<string, T[]>();
  shelf.byLabel.set(key, byValue);
  const items = byValue.get(value) ?? [];
  byValue.set(value, items);
  items.push(item);
}

function selects({ attachment }: Attached, labels: ReadonlyMap<string, string>): boolean {
  return (
    attachment.kind === 'selector' && attachment.labels.every(([key, value]) => labels.get(key) === value)
  );
}
