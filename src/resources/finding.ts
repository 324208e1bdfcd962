/** What the readers and the lint say about what an operator wrote. Findings are collected, never thrown one by one. */

export type Severity = 'error' | 'warning' | 'info';

/** A safe edit of the text it was found in: replace `[start, end)` (UTF-16 offsets in that file's text). */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Finding {
  /** `CAS` and four digits, from a catalogue. */
  readonly code: string;
  readonly severity: Severity;
  /** What is wrong, with the value as written in back-ticks. */
  readonly message: string;
  /** What it leads to. */
  readonly why?: string;
  /** What to write instead. */
  readonly fix?: string;
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1, in UTF-16 units. */
  readonly column?: number;
  /** E.g. `spec.rules[0].from[1].source.principals[2]`. */
  readonly path?: string;
  /** The object it is about, e.g. `AuthorizationPolicy shop/cart`. */
  readonly resource?: string;
  /** Present when `--fix` may do it. */
  readonly edits?: readonly TextEdit[];
}

/** By place, then by code. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    compareText(a.file ?? '', b.file ?? '') ||
    (a.line ?? 0) - (b.line ?? 0) ||
    (a.column ?? 0) - (b.column ?? 0) ||
    compareText(a.code, b.code) ||
    compareText(a.message, b.message)
  );
}

export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.severity === 'error');
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
