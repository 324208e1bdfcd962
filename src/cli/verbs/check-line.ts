/** One line of the check list. */
export interface CheckLine {
  readonly category: string;
  readonly what: string;
  readonly level: 'ok' | 'warning' | 'error';
  readonly code?: string;
  /** What to do about it. */
  readonly hint?: string;
}
