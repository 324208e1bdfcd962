/** A document's text and where it begins in the stream. */
export interface Chunk {
  readonly start: number;
  readonly text: string;
}

const marker = /^(---|\.\.\.)(?=[ \t\r\n]|$)/gm;

/**
 * Cuts a stream at its document markers. YAML 1.2 §9.1.1 ("c-forbidden") makes this right inside every scalar too: a
 * line that begins with `---` or `...` ends the document wherever it stands.
 */
export function splitDocuments(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  let start = 0;
  for (const found of text.matchAll(marker)) {
    chunks.push({ start, text: text.slice(start, found.index) });
    start = found[0] === '...' ? found.index + 3 : found.index;
  }
  chunks.push({ start, text: text.slice(start) });
  return chunks.filter((chunk) => !isEmptyChunk(chunk.text));
}

/** Blank lines, comments and the marker itself are no document. */
function isEmptyChunk(text: string): boolean {
  const content = text.startsWith('---') ? text.slice(3) : text;
  for (const line of content.split('\n')) {
    const trimmed = line.trim();
    if (trimmed !== '' && !trimmed.startsWith('#')) return false;
  }
  return true;
}
