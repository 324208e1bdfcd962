import type { Cidr, IpAddress } from '../../base/ip.ts';

/** A path-compressed binary tree over address bits: the ranges that hold an address are found in one descent. */
interface Node<T> {
  readonly bytes: Uint8Array;
  /** How many leading bits of `bytes` count. */
  readonly bits: number;
  value: T | undefined;
  zero: Node<T> | undefined;
  one: Node<T> | undefined;
}

export class IpTree<T> {
  #v4: Node<T> | undefined;
  #v6: Node<T> | undefined;

  /** The value at this very range, made by `create` when the range is new. */
  at(range: Cidr, create: () => T): T {
    const { version, bytes } = range.network;
    const leaf = makeNode<T>(bytes, range.prefixLength);
    const root = version === 4 ? this.#v4 : this.#v6;
    const [newRoot, node] = insert(root, leaf);
    if (version === 4) this.#v4 = newRoot;
    else this.#v6 = newRoot;
    node.value ??= create();
    return node.value;
  }

  /** Appends the values of all ranges that hold the address, widest first. */
  collect(ip: IpAddress, out: T[]): void {
    let node = ip.version === 4 ? this.#v4 : this.#v6;
    while (node !== undefined && covers(node, ip.bytes)) {
      if (node.value !== undefined) out.push(node.value);
      if (node.bits >= ip.bytes.length * 8) return;
      node = bitAt(ip.bytes, node.bits) === 0 ? node.zero : node.one;
    }
  }

  /** True when some range holds the address. */
  covers(ip: IpAddress): boolean {
    let node = ip.version === 4 ? this.#v4 : this.#v6;
    while (node !== undefined && covers(node, ip.bytes)) {
      if (node.value !== undefined) return true;
      if (node.bits >= ip.bytes.length * 8) return false;
      node = bitAt(ip.bytes, node.bits) === 0 ? node.zero : node.one;
    }
    return false;
  }
}

function makeNode<T>(bytes: Uint8Array, bits: number): Node<T> {
  return { bytes, bits, value: undefined, zero: undefined, one: undefined };
}

/** Returns the subtree's new root, and the node that stands for the leaf's range. */
function insert<T>(root: Node<T> | undefined, leaf: Node<T>): [root: Node<T>, node: Node<T>] {
  if (root === undefined) return [leaf, leaf];
  const shared = sharedBits(root, leaf);
  if (shared === root.bits && shared === leaf.bits) return [root, root];
  if (shared === root.bits) {
    const side = bitAt(leaf.bytes, shared) === 0 ? 'zero' : 'one';
    const [child, node] = insert(root[side], leaf);
    root[side] = child;
    return [root, node];
  }
  const above = shared === leaf.bits ? leaf : makeNode<T>(leaf.bytes, shared);
  above[bitAt(root.bytes, shared) === 0 ? 'zero' : 'one'] = root;
  if (above !== leaf) above[bitAt(leaf.bytes, shared) === 0 ? 'zero' : 'one'] = leaf;
  return [above, leaf];
}

function sharedBits<T>(a: Node<T>, b: Node<T>): number {
  const end = Math.min(a.bits, b.bits);
  for (let at = 0; at < end; at += 8) {
    const difference = (a.bytes[at >> 3] ?? 0) ^ (b.bytes[at >> 3] ?? 0);
    if (difference !== 0) return Math.min(end, at + Math.clz32(difference) - 24);
  }
  return end;
}

function covers<T>(node: Node<T>, bytes: Uint8Array): boolean {
  const whole = node.bits >> 3;
  for (let i = 0; i < whole; i++) if (node.bytes[i] !== bytes[i]) return false;
  const rest = node.bits & 7;
  return rest === 0 || ((node.bytes[whole] ?? 0) ^ (bytes[whole] ?? 0)) >> (8 - rest) === 0;
}

function bitAt(bytes: Uint8Array, bit: number): number {
  return ((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
}
