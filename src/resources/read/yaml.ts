import { isMap, isPair, isScalar, isSeq, type Pair, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import type { Finding } from '../finding.ts';
import { type ReadCode, readFinding } from './catalogue.ts';
import { readLimits } from './limits.ts';
import {
  ListNode,
  type MapEntry,
  MapNode,
  type PositionedNode,
  ScalarNode,
  type SourceText,
} from './node.ts';
import { isReservedName, isTooLong, placeAt } from './text.ts';
import { type Chunk, splitDocuments } from './yaml-chunks.ts';
import { composeDocument } from './yaml-tokens.ts';

/** Reads a YAML stream; a broken document is one finding and its neighbours are still read. */
export function readYaml(source: SourceText): { roots: PositionedNode[]; findings: Finding[] } {
  const roots: PositionedNode[] = [];
  const findings: Finding[] = [];
  const chunks = splitDocuments(source.text);
  const surplus = chunks[readLimits.documents];
  if (surplus !== undefined) {
    const message = `more than ${readLimits.documents} documents in one text`;
    return { roots, findings: [readFinding('CAS0902', placeAt(source, surplus.start), message)] };
  }
  for (const chunk of chunks) {
    const result = readChunk(source, chunk);
    findings.push(...result.findings);
    if (result.root !== undefined && result.findings.length === 0) roots.push(result.root);
  }
  return { roots, findings };
}

function readChunk(source: SourceText, chunk: Chunk): { root?: PositionedNode; findings: Finding[] } {
  if (isTooLong(chunk.text)) {
    const message = `a document is longer than ${readLimits.documentBytes} bytes`;
    return { findings: [readFinding('CAS0902', placeAt(source, chunk.start), message)] };
  }
  const composed = composeDocument(source, chunk);
  if ('finding' in composed) return { findings: [composed.finding] };
  const converter = new Converter(source);
  const root = converter.convert(composed.document.contents, chunk.start, 0);
  return { root, findings: converter.findings() };
}

interface Ranged {
  readonly range?: readonly [number, number, number] | null;
}

/** From the library's nodes to ours. */
class Converter {
  readonly #source: SourceText;
  readonly #reports: (() => Finding)[] = [];

  constructor(source: SourceText) {
    this.#source = source;
  }

  /** To be asked for at the end: a node knows its path only when all above it are made. */
  findings(): Finding[] {
    return this.#reports.map((report) => report());
  }

  /** `fallback` is where a value that was not written would stand. */
  convert(node: unknown, fallback: number, depth: number): PositionedNode {
    if (depth === readLimits.depth && (isMap(node) || isSeq(node))) {
      const place = placeAt(this.#source, node.range?.[0] ?? fallback);
      this.#report('CAS0902', place, `nested deeper than ${readLimits.depth} levels`);
      return place;
    }
    if (isMap(node)) return this.#map(node, fallback, depth);
    if (isSeq(node)) return this.#list(node, fallback, depth);
    if (isScalar(node)) return this.#scalar(node, fallback);
    return placeAt(this.#source, fallback);
  }

  #scalar(node: Scalar, fallback: number): ScalarNode {
    const [start, end] = node.range ?? [fallback, fallback];
    const style = styles[node.type ?? 'PLAIN'] ?? 'plain';
    const value = plainValue(node.value);
    if (typeof value === 'number' && !Number.isFinite(value)) {
      // `.inf` and `.nan` are numbers to YAML and to nobody else.
      const text = node.source ?? '';
      return this.#make(start, end, { value: text, text, style, format: 'yaml' });
    }
    const text = style === 'plain' ? (node.source ?? '') : String(node.value);
    return this.#make(start, end, { value, text, style, format: 'yaml' });
  }

  #make(start: number, end: number, content: Pick<ScalarNode, 'value' | 'text' | 'style' | 'format'>) {
    return new ScalarNode({ source: this.#source, start, end }, content);
  }

  #list(node: YAMLSeq, fallback: number, depth: number): ListNode {
    const [start, end] = node.range ?? [fallback, fallback];
    const items = node.items.map((item) => {
      if (!isPair(item)) return this.convert(item, start, depth + 1);
      // `[a: b]` is a list that holds a map of one pair.
      const entry = this.#entry(item, start, { depth: depth + 1, seen: new Set() });
      const at = entry?.key.start ?? start;
      return new MapNode(this.#source, at, entry?.value.end ?? at, entry === undefined ? [] : [entry]);
    });
    return new ListNode(this.#source, start, end, items);
  }

  #map(node: YAMLMap, fallback: number, depth: number): MapNode {
    const [start, end] = node.range ?? [fallback, fallback];
    const seen = new Set<string>();
    const entries: MapEntry[] = [];
    for (const pair of node.items) {
      const entry = this.#entry(pair, start, { depth, seen });
      if (entry !== undefined) entries.push(entry);
    }
    return new MapNode(this.#source, start, end, entries);
  }

  #entry(pair: Pair, fallback: number, within: { depth: number; seen: Set<string> }): MapEntry | undefined {
    if (!isScalar(pair.key)) {
      const at = (pair.key as Ranged | null)?.range?.[0] ?? fallback;
      this.#report('CAS0903', placeAt(this.#source, at), 'a field name must be text');
      return undefined;
    }
    const key = this.#scalar(pair.key, fallback);
    const problem = keyProblem(key, within.seen);
    if (problem !== undefined) this.#report(problem.code, key, problem.message);
    within.seen.add(key.text);
    return { key, value: this.convert(pair.value, key.end, within.depth + 1) };
  }

  #report(code: ReadCode, node: ScalarNode, message: string): void {
    if (this.#reports.length < readLimits.findings)
      this.#reports.push(() => readFinding(code, node, message));
  }
}

const styles: Readonly<Record<string, ScalarNode['style']>> = {
  PLAIN: 'plain',
  QUOTE_DOUBLE: 'quoted',
  QUOTE_SINGLE: 'quoted',
  BLOCK_LITERAL: 'block',
  BLOCK_FOLDED: 'block',
};

function plainValue(value: unknown): ScalarNode['value'] {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return null;
}

function keyProblem(
  key: ScalarNode,
  seen: ReadonlySet<string>,
): { code: ReadCode; message: string } | undefined {
  const name = key.text;
  if (key.style === 'plain' && name === '<<')
    return { code: 'CAS0905', message: 'the merge key `<<` is not allowed' };
  if (isReservedName(name)) return { code: 'CAS0907', message: `the field name \`${name}\` is reserved` };
  if (key.style === 'plain' && name === '') return { code: 'CAS0903', message: 'a field has no name' };
  if (seen.has(name)) return { code: 'CAS0906', message: `the field \`${name}\` is written twice` };
  return undefined;
}
