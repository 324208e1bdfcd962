/** What was written, with where: every value knows its file, line, column and field path. */

export type Scalar = string | number | boolean | null;
export type Plain = Scalar | readonly Plain[] | { readonly [name: string]: Plain };

/** A text and where its lines begin. A text inside another (a ConfigMap's value) carries the place it begins at. */
export class SourceText {
  readonly file: string;
  readonly text: string;
  readonly #firstLine: number;
  readonly #columnShift: number;
  /** False for a text inside another: its offsets are not the file's, so nothing in it can be edited. */
  readonly isWholeFile: boolean;
  #lineStarts: number[] | undefined;

  constructor(file: string, text: string, inside?: { readonly line: number; readonly column: number }) {
    this.file = file;
    this.text = text;
    this.#firstLine = inside?.line ?? 1;
    this.#columnShift = (inside?.column ?? 1) - 1;
    this.isWholeFile = inside === undefined;
  }

  /** Line and column, both from 1, of a UTF-16 offset. */
  position(offset: number): { readonly line: number; readonly column: number } {
    const starts = (this.#lineStarts ??= findLineStarts(this.text));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return {
      line: this.#firstLine + low,
      column: offset - (starts[low] ?? 0) + 1 + this.#columnShift,
    };
  }
}

function findLineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

export type PathStep = string | number;

abstract class Positioned {
  readonly source: SourceText;
  /** `[start, end)` in the source's text. */
  readonly start: number;
  readonly end: number;
  #parent: Positioned | undefined;
  #step: PathStep = '';

  constructor(source: SourceText, start: number, end: number) {
    this.source = source;
    this.start = start;
    this.end = end;
  }

  get file(): string {
    return this.source.file;
  }
  get line(): number {
    return this.source.position(this.start).line;
  }
  get column(): number {
    return this.source.position(this.start).column;
  }
  /** From the document's root (or the item of a `List`), e.g. `spec.rules[0].to`; `''` for the root. */
  get path(): string {
    return formatPath(this.#steps());
  }

  #steps(): PathStep[] {
    return this.#parent === undefined ? [] : [...this.#parent.#steps(), this.#step];
  }

  /** Tells a child where it hangs. */
  protected adopt(child: Positioned, step: PathStep): void {
    child.#parent = this;
    child.#step = step;
  }

  /** Makes this the root of its own paths: an item of a `List` is a document of its own. */
  becomeRoot(): void {
    this.#parent = undefined;
  }
}

export class ScalarNode extends Positioned {
  readonly kind = 'scalar';
  readonly value: Scalar;
  /** The text as written, without quotes and escapes. */
  readonly text: string;
  /** `plain` is YAML without quotes, and every JSON value that is not a string. */
  readonly style: 'plain' | 'quoted' | 'block';
  readonly format: 'yaml' | 'json';

  constructor(
    place: { readonly source: SourceText; readonly start: number; readonly end: number },
    content: Pick<ScalarNode, 'value' | 'text' | 'style' | 'format'>,
  ) {
    super(place.source, place.start, place.end);
    this.value = content.value;
    this.text = content.text;
    this.style = content.style;
    this.format = content.format;
  }

  toPlain(): Plain {
    return this.value;
  }
}

export interface MapEntry {
  readonly key: ScalarNode;
  readonly value: PositionedNode;
}

export class MapNode extends Positioned {
  readonly kind = 'map';
  readonly entries: readonly MapEntry[];
  readonly #byName: ReadonlyMap<string, MapEntry>;

  constructor(source: SourceText, start: number, end: number, entries: readonly MapEntry[]) {
    super(source, start, end);
    this.entries = entries;
    this.#byName = new Map(entries.map((entry) => [entry.key.text, entry]));
    for (const { key, value } of entries) {
      this.adopt(key, key.text);
      this.adopt(value, key.text);
    }
  }

  get(name: string): PositionedNode | undefined {
    return this.#byName.get(name)?.value;
  }
  entry(name: string): MapEntry | undefined {
    return this.#byName.get(name);
  }

  /** An object without fields, where this one begins: what an absent field would hold. */
  emptyChild(name: string): MapNode {
    const child = new MapNode(this.source, this.start, this.start, []);
    this.adopt(child, name);
    return child;
  }

  toPlain(): Plain {
    const out: Record<string, Plain> = {};
    for (const { key, value } of this.entries) out[key.text] = value.toPlain();
    return out;
  }
}

export class ListNode extends Positioned {
  readonly kind = 'list';
  readonly items: readonly PositionedNode[];

  constructor(source: SourceText, start: number, end: number, items: readonly PositionedNode[]) {
    super(source, start, end);
    this.items = items;
    for (const [i, item] of items.entries()) this.adopt(item, i);
  }

  toPlain(): Plain {
    return this.items.map((item) => item.toPlain());
  }
}

export type PositionedNode = ScalarNode | MapNode | ListNode;

const plainName = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `spec.rules[0].when`; a name that is no identifier stands in brackets: `metadata.labels["a.b/c"]`. */
export function formatPath(steps: readonly PathStep[]): string {
  let out = '';
  for (const step of steps) {
    if (typeof step === 'number') out += `[${step}]`;
    else if (plainName.test(step)) out += out === '' ? step : `.${step}`;
    else out += `[${JSON.stringify(step)}]`;
  }
  return out;
}

/** The node at a path, or the nearest one above it that exists. */
export function nodeAt(root: PositionedNode, steps: readonly PathStep[]): PositionedNode {
  let at = root;
  for (const step of steps) {
    let next: PositionedNode | undefined;
    if (typeof step === 'number') next = at.kind === 'list' ? at.items[step] : undefined;
    else next = at.kind === 'map' ? at.get(step) : undefined;
    if (next === undefined) return at;
    at = next;
  }
  return at;
}
