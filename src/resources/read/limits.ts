/** What a text may cost us (P06). */
export const readLimits = Object.freeze({
  /** UTF-8 bytes of one document. */
  documentBytes: 1024 * 1024,
  /** UTF-16 units of one text. */
  streamLength: 64 * 1024 * 1024,
  documents: 1000,
  /** Lists and maps within each other. */
  depth: 64,
  /** Findings kept of one text; the rest is counted. */
  findings: 1000,
});
