/**
 * Decision diagrams over variables with finitely many values: a function of a request's classes, in which equal parts
 * are one node. Nodes are numbers; 0 is never, 1 is always.
 */
export type NodeId = number;
export const never: NodeId = 0;
export const always: NodeId = 1;

interface DiagramNode {
  readonly variable: number;
  /** One per value of the variable. */
  readonly children: readonly NodeId[];
}

/** Thrown when a function needs more nodes than allowed; caught by whoever asked for it. */
export class DiagramTooLarge extends Error {}

export class Diagram {
  readonly #nodes: (DiagramNode | undefined)[] = [undefined, undefined];
  readonly #unique = new Map<string, NodeId>();
  readonly #conjunctions = new Map<number, NodeId>();
  readonly #negations = new Map<NodeId, NodeId>();
  readonly #maxNodes: number;

  constructor(maxNodes: number) {
    this.#maxNodes = maxNodes;
  }

  nodeAt(id: NodeId): DiagramNode | undefined {
    return this.#nodes[id];
  }

  /** True exactly where the variable has a value that is true in the list. */
  literal(variable: number, truth: readonly boolean[]): NodeId {
    return this.#node(
      variable,
      truth.map((isTrue) => (isTrue ? always : never)),
    );
  }

  and(a: NodeId, b: NodeId): NodeId {
    if (a === never || b === never) return never;
    if (a === always || a === b) return b;
    if (b === always) return a;
    const [low, high] = a < b ? [a, b] : [b, a];
    const key = low * this.#maxNodes + high;
    const known = this.#conjunctions.get(key);
    if (known !== undefined) return known;
    const result = this.#conjoin(low, high);
    this.#conjunctions.set(key, result);
    return result;
  }

  or(a: NodeId, b: NodeId): NodeId {
    return this.not(this.and(this.not(a), this.not(b)));
  }

  not(a: NodeId): NodeId {
    if (a === never) return always;
    if (a === always) return never;
    let result = this.#negations.get(a);
    if (result === undefined) {
      const { variable, children } = this.#nodes[a] as DiagramNode;
      result = this.#node(
        variable,
        children.map((child) => this.not(child)),
      );
      this.#negations.set(a, result);
      this.#negations.set(result, a);
    }
    return result;
  }

  all(nodes: readonly NodeId[]): NodeId {
    return nodes.reduce((sum, node) => this.and(sum, node), always);
  }

  any(nodes: readonly NodeId[]): NodeId {
    return nodes.reduce((sum, node) => this.or(sum, node), never);
  }

  /** The function with one variable fixed. */
  restrict(a: NodeId, variable: number, value: number): NodeId {
    const done = new Map<NodeId, NodeId>();
    const fix = (id: NodeId): NodeId => {
      const node = this.#nodes[id];
      if (node === undefined || node.variable > variable) return id;
      if (node.variable === variable) return node.children[value] ?? never;
      let result = done.get(id);
      if (result === undefined) {
        result = this.#node(node.variable, node.children.map(fix));
        done.set(id, result);
      }
      return result;
    };
    return fix(a);
  }

  /** The value of the function at one point; never where a variable that matters has no such value. */
  at(a: NodeId, values: readonly number[]): boolean {
    let id = a;
    for (let node = this.#nodes[id]; node !== undefined; node = this.#nodes[id])
      id = node.children[values[node.variable] ?? 0] ?? never;
    return id === always;
  }

  #conjoin(a: NodeId, b: NodeId): NodeId {
    const left = this.#nodes[a] as DiagramNode;
    const right = this.#nodes[b] as DiagramNode;
    const variable = Math.min(left.variable, right.variable);
    const children = (left.variable === variable ? left : right).children.map((_, value) =>
      this.and(
        left.variable === variable ? (left.children[value] as NodeId) : a,
        right.variable === variable ? (right.children[value] as NodeId) : b,
      ),
    );
    return this.#node(variable, children);
  }

  #node(variable: number, children: readonly NodeId[]): NodeId {
    const first = children[0] ?? never;
    if (children.every((child) => child === first)) return first;
    const key = `${variable}:${children.join()}`;
    let id = this.#unique.get(key);
    if (id === undefined) {
      id = this.#nodes.length;
      if (id >= this.#maxNodes) throw new DiagramTooLarge();
      this.#nodes.push({ variable, children });
      this.#unique.set(key, id);
    }
    return id;
  }
}

/** A part of a function's truth: for each variable it names, the values that belong; any value of the others. */
export type Cube = ReadonlyMap<number, readonly number[]>;

/** The truth of a function as disjoint cubes, at most `limit` of them. */
export function cubesOf(
  diagram: Diagram,
  root: NodeId,
  limit: number,
): { cubes: Cube[]; isComplete: boolean } {
  const cubes: Cube[] = [];
  let isComplete = true;
  const walk = (id: NodeId, path: readonly (readonly [number, readonly number[]])[]): void => {
    if (id === never) return;
    if (cubes.length >= limit) {
      isComplete = false;
      return;
    }
    const node = diagram.nodeAt(id);
    if (node === undefined) {
      cubes.push(new Map(path));
      return;
    }
    for (const [child, values] of groupByChild(node.children))
      walk(child, [...path, [node.variable, values]]);
  };
  walk(root, []);
  return { cubes, isComplete };
}

function groupByChild(children: readonly NodeId[]): ReadonlyMap<NodeId, readonly number[]> {
  const groups = new Map<NodeId, number[]>();
  for (const [value, child] of children.entries()) {
    const group = groups.get(child);
    if (group === undefined) groups.set(child, [value]);
    else group.push(value);
  }
  return groups;
}
