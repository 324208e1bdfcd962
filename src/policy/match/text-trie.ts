/**
 * A compressed trie over UTF-16 code units: finds every stored key that is a prefix of a text (or, built backward, a
 * suffix), in one walk over the text, however many keys there are.
 */
interface Node<T> {
  /** The units between the parent and this node, in walking order. */
  label: string;
  value: T | undefined;
  children: Map<number, Node<T>> | undefined;
}

export class TextTrie<T> {
  readonly #root: Node<T> = { label: '', value: undefined, children: undefined };
  readonly #backward: boolean;

  constructor(direction: 'forward' | 'backward') {
    this.#backward = direction === 'backward';
  }

  /** The value at `key`, made by `create` when the key is new. */
  at(key: string, create: () => T): T {
    const node = this.#nodeFor(this.#backward ? reverseUnits(key) : key);
    node.value ??= create();
    return node.value;
  }

  /** Appends the values of all keys that `text` begins with (ends with), shortest key first. */
  collect(text: string, out: T[]): void {
    this.#walk(text, (value) => {
      out.push(value);
      return false;
    });
  }

  /** True when some key is a prefix (suffix) of `text`. */
  hasAffixOf(text: string): boolean {
    return this.#walk(text, () => true);
  }

  #walk(text: string, stop: (value: T) => boolean): boolean {
    let node = this.#root;
    let at = 0;
    for (;;) {
      if (node.value !== undefined && stop(node.value)) return true;
      if (at >= text.length || node.children === undefined) return false;
      const next = node.children.get(this.#unit(text, at));
      if (next === undefined || !this.#carries(text, at, next.label)) return false;
      at += next.label.length;
      node = next;
    }
  }

  #unit(text: string, at: number): number {
    return text.charCodeAt(this.#backward ? text.length - 1 - at : at);
  }

  #carries(text: string, from: number, label: string): boolean {
    if (from + label.length > text.length) return false;
    for (let i = 1; i < label.length; i++)
      if (this.#unit(text, from + i) !== label.charCodeAt(i)) return false;
    return true;
  }

  #nodeFor(key: string): Node<T> {
    let node = this.#root;
    let rest = key;
    while (rest !== '') {
      node.children ??= new Map();
      const unit = rest.charCodeAt(0);
      const next = node.children.get(unit);
      if (next === undefined) {
        const leaf: Node<T> = { label: rest, value: undefined, children: undefined };
        node.children.set(unit, leaf);
        return leaf;
      }
      const shared = sharedLength(rest, next.label);
      if (shared < next.label.length) split(node, next, shared);
      node = node.children.get(unit) as Node<T>;
      rest = rest.slice(shared);
    }
    return node;
  }
}

/** Puts a node between `parent` and `child` that holds the first `length` units of the child's label. */
function split<T>(parent: Node<T>, child: Node<T>, length: number): void {
  const middle: Node<T> = {
    label: child.label.slice(0, length),
    value: undefined,
    children: new Map([[child.label.charCodeAt(length), child]]),
  };
  parent.children?.set(child.label.charCodeAt(0), middle);
  child.label = child.label.slice(length);
}

function sharedLength(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  let i = 0;
  while (i < end && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  return i;
}

function reverseUnits(text: string): string {
  let reversed = '';
  for (let i = text.length - 1; i >= 0; i--) reversed += text[i];
  return reversed;
}
