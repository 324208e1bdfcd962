import { nearestName } from '../../base/nearest.ts';
import type { MapNode, PositionedNode } from '../read/node.ts';
import { kindOf, quoted, type Report } from './report.ts';
import { isNull, readFlag, readInteger, readText } from './scalars.ts';

export const noTexts: readonly string[] = Object.freeze([]);
export const noLabels: ReadonlyMap<string, string> = new Map();

export type ReadItem<T> = (node: PositionedNode, report: Report) => T | undefined;

/** Looks at one value after it was read, and reports what is wrong with it. */
export type CheckText = (value: string, node: PositionedNode, report: Report) => void;

/** An object whose fields are known: reads them one by one. What is null counts as not written. */
export class Fields {
  readonly node: MapNode;
  readonly report: Report;

  private constructor(node: MapNode, report: Report) {
    this.node = node;
    this.report = report;
  }

  /** Reports unknown fields, each with the nearest known name; undefined when the node is no object. */
  static of(node: PositionedNode, known: readonly string[], report: Report): Fields | undefined {
    if (node.kind !== 'map') {
      report.add('CAS0909', node, `expected an object, got ${kindOf(node)}`);
      return undefined;
    }
    for (const { key } of node.entries) if (!known.includes(key.text)) reportUnknown(key, known, report);
    return new Fields(node, report);
  }

  /** The field's node, if it was written; a warning if it was written without a value. */
  get(name: string): PositionedNode | undefined {
    const entry = this.node.entry(name);
    if (entry === undefined) return undefined;
    if (!isNull(entry.value)) return entry.value;
    this.report.add('CAS0914', entry.key, `\`${name}\` has no value and counts as not written`);
    return undefined;
  }

  /** The key's node, for findings about the field as a whole. */
  key(name: string): PositionedNode {
    return this.node.entry(name)?.key ?? this.node;
  }

  has(name: string): boolean {
    const node = this.node.get(name);
    return node !== undefined && !isNull(node);
  }

  text(name: string, check?: CheckText): string | undefined {
    const node = this.get(name);
    const value = node && readText(node, this.report);
    if (node !== undefined && value !== undefined) check?.(value, node, this.report);
    return value;
  }

  requiredText(name: string, check?: CheckText): string | undefined {
    if (!this.has(name)) this.missing(name);
    return this.text(name, check);
  }

  missing(name: string): void {
    this.report.add('CAS0910', this.node, `\`${name}\` is required`);
  }

  flag(name: string): boolean | undefined {
    const node = this.get(name);
    return node && readFlag(node, this.report);
  }

  integer(name: string, range: { readonly min: number; readonly max: number }): number | undefined {
    const node = this.get(name);
    return node && readInteger(node, range, this.report);
  }

  oneOf<const V extends string>(name: string, values: readonly V[]): V | undefined {
    const node = this.get(name);
    return node && readOneOf(node, values, this.report);
  }

  /** An object under the name. */
  object<T>(name: string, read: ReadItem<T>): T | undefined {
    const node = this.get(name);
    return node && read(node, this.report);
  }

  /** Items that could be read; undefined when the field was not written or is no list. */
  list<T>(name: string, read: ReadItem<T>): readonly T[] | undefined {
    const node = this.get(name);
    if (node === undefined) return undefined;
    if (node.kind !== 'list') {
      this.#reportNoList(name, node);
      return undefined;
    }
    const items: T[] = [];
    for (const item of node.items) {
      const value = read(item, this.report);
      if (value !== undefined) items.push(value);
    }
    return Object.freeze(items);
  }

  texts(name: string, check?: CheckText): readonly string[] {
    const read: ReadItem<string> = (item, report) => {
      const value = readText(item, report);
      if (value !== undefined) check?.(value, item, report);
      return value;
    };
    return this.list(name, read) ?? noTexts;
  }

  /** A map of text to text, e.g. labels. */
  textMap(
    name: string,
    check?: (key: string, value: string, node: PositionedNode) => void,
  ): ReadonlyMap<string, string> {
    const node = this.get(name);
    return node === undefined ? noLabels : readTextMap(node, this.report, check);
  }

  #reportNoList(name: string, node: PositionedNode): void {
    const isOneText = node.kind === 'scalar' && node.style !== 'block' && typeof node.value === 'string';
    const wrapped = node.source.text.slice(node.start, node.end);
    this.report.add('CAS0909', node, `\`${name}\` must be a list, got ${kindOf(node)}`, {
      fix: isOneText ? `write [${wrapped.slice(0, 80)}]` : 'write each value on a line of its own after `- `',
    });
  }
}

export function readTextMap(
  node: PositionedNode,
  report: Report,
  check?: (key: string, value: string, node: PositionedNode) => void,
): ReadonlyMap<string, string> {
  if (node.kind !== 'map') {
    report.add('CAS0909', node, `expected an object of texts, got ${kindOf(node)}`);
    return noLabels;
  }
  const out = new Map<string, string>();
  for (const { key, value } of node.entries) {
    const text = isNull(value) ? '' : readText(value, report);
    if (text === undefined) continue;
    check?.(key.text, text, value.end > value.start ? value : key);
    out.set(key.text, text);
  }
  return out;
}

export function readOneOf<const V extends string>(
  node: PositionedNode,
  values: readonly V[],
  report: Report,
): V | undefined {
  const text = readText(node, report);
  if (text === undefined) return undefined;
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  const nearest = nearestName(text, values);
  const fix = nearest === undefined ? `write one of ${values.join(', ')}` : `write ${nearest}`;
  report.add('CAS0915', node, `${quoted(text)} is not one of ${values.join(', ')}`, { fix });
  return undefined;
}

function reportUnknown(key: PositionedNode, known: readonly string[], report: Report): void {
  const name = key.kind === 'scalar' ? key.text : '';
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? '' : `; did you mean \`${nearest}\`?`;
  const fix = nearest === undefined ? `the fields here are ${known.join(', ')}` : `write ${nearest}`;
  report.add('CAS0908', key, `unknown field ${quoted(name)}${hint}`, { fix });
}
