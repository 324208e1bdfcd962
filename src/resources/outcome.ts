import type { Finding } from './finding.ts';
import type { AnyResource } from './kinds/index.ts';
import type { MapNode } from './read/node.ts';

/** A resource and the document it was read from. */
export interface ParsedResource {
  readonly resource: AnyResource;
  /** The document (or item of a `List`): positions and, with `toPlain()`, what was written. */
  readonly root: MapNode;
}

/** A document of Istio 1.0 to 1.4, for `castellan convert`. */
export interface LegacyDocument {
  readonly group: string;
  readonly kind: string;
  readonly root: MapNode;
}

/** A document that is not ours to read, and is listed instead. */
export interface SkippedDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string | undefined;
  readonly file: string;
  readonly line: number;
  readonly root: MapNode;
}

export interface DocumentOutcome {
  readonly findings: readonly Finding[];
  readonly parsed?: ParsedResource;
  readonly skipped?: SkippedDocument;
  readonly legacy?: LegacyDocument;
}
