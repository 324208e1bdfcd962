import type { Finding, Severity, TextEdit } from './finding.ts';
import type { PositionedNode } from './read/node.ts';

/** One row of a catalogue of findings: the source of their reference page. */
export interface FindingSpec {
  readonly severity: Severity;
  /** A short sentence: lower case, no full stop. */
  readonly title: string;
  /** What it leads to. */
  readonly why: string;
  /** What to do. */
  readonly fix: string;
  /** True when `castellan lint --fix` may write the fix itself. */
  readonly fixable?: boolean;
  /** What another tool calls it, or where the rule comes from. */
  readonly also?: string;
}

export interface FindingOptions {
  /** Milder than the catalogue's row: where the same trap fails closed. */
  readonly severity?: Severity;
  readonly why?: string;
  readonly fix?: string;
  readonly resource?: string;
  readonly edits?: readonly TextEdit[];
}

/** Builds a finding of a catalogue's code at a node: severity, why and fix come from its row. */
export type FindingBuilder<Code extends string> = (
  code: Code,
  node: PositionedNode,
  message: string,
  options?: FindingOptions,
) => Finding;

export function findingBuilder<const C extends Readonly<Record<string, FindingSpec>>>(
  catalogue: C,
): FindingBuilder<keyof C & string> {
  return (code, node, message, options = {}) => {
    const spec = catalogue[code] as FindingSpec;
    const { line, column } = node.source.position(node.start);
    return Object.freeze({
      code,
      severity: options.severity ?? spec.severity,
      message,
      why: options.why ?? spec.why,
      fix: options.fix ?? spec.fix,
      file: node.file,
      line,
      column,
      ...(node.path === '' ? {} : { path: node.path }),
      ...(options.resource === undefined ? {} : { resource: options.resource }),
      ...(options.edits === undefined || !node.source.isWholeFile ? {} : { edits: options.edits }),
    });
  };
}
