import { type FindingOptions, findingBuilder } from '../catalogue.ts';
import type { Finding } from '../finding.ts';
import { readCatalogue } from '../read/catalogue.ts';
import { readLimits } from '../read/limits.ts';
import type { PositionedNode } from '../read/node.ts';
import { ruleCatalogue } from './catalogue.ts';

/** Everything this room can find: CAS07xx and CAS09xx. */
export const resourceCatalogue = { ...readCatalogue, ...ruleCatalogue } as const;
export type ResourceCode = keyof typeof resourceCatalogue;

const build = findingBuilder(resourceCatalogue);

/** Collects what is found in one document. */
export class Report {
  readonly #findings: Finding[] = [];
  /** Set once the object's kind and name are known. */
  title: string | undefined;

  add(code: ResourceCode, node: PositionedNode, message: string, options: FindingOptions = {}): void {
    if (this.#findings.length >= readLimits.findings) return;
    this.#findings.push(
      build(code, node, message, this.title === undefined ? options : { resource: this.title, ...options }),
    );
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }
}

/** Outside input in a message: in back-ticks, on one line, not too long. */
export function quoted(text: string): string {
  const short = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return `\`${short.replace(/[\n\r\t`]/g, ' ')}\``;
}

/** What a node is, in a word: for "expected X, got Y". */
export function kindOf(node: PositionedNode): string {
  if (node.kind === 'map') return 'an object';
  if (node.kind === 'list') return 'a list';
  if (node.value === null) return 'nothing';
  if (typeof node.value === 'boolean') return 'a boolean';
  return typeof node.value === 'number' ? 'a number' : 'text';
}
