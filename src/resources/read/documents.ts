import type { Finding } from '../finding.ts';
import { readFinding } from './catalogue.ts';
import { readJson } from './json.ts';
import { readLimits } from './limits.ts';
import { type PositionedNode, SourceText } from './node.ts';
import { decodeText, findRefusedCharacter, placeAt } from './text.ts';
import { readYaml } from './yaml.ts';

export type TextFormat = 'yaml' | 'json' | 'auto';

export interface ReadOptions {
  /** The name that findings carry. */
  readonly file: string;
  /** `auto`: by the file's ending, else by what the text looks like. */
  readonly format?: TextFormat;
}

export interface PositionedDocument {
  /** From 0, over the documents that could be read. */
  readonly index: number;
  readonly root: PositionedNode;
}

export interface ReadResult {
  readonly documents: readonly PositionedDocument[];
  readonly findings: readonly Finding[];
  readonly source: SourceText;
}

/** Reads a stream of YAML or JSON documents; never throws on what the text says. */
export function readDocuments(input: string | Uint8Array, options: ReadOptions): ReadResult {
  const decoded = typeof input === 'string' ? { text: input } : decodeText(input);
  if ('problem' in decoded) {
    const source = new SourceText(options.file, '');
    return nothing(source, readFinding('CAS0901', placeAt(source, 0), decoded.problem));
  }
  const text = decoded.text.startsWith('\ufeff') ? decoded.text.slice(1) : decoded.text;
  return readSource(new SourceText(options.file, text), options.format ?? 'auto');
}

/** As `readDocuments`, of a text that may lie inside another. */
export function readSource(source: SourceText, format: TextFormat): ReadResult {
  const { text } = source;
  if (text.length > readLimits.streamLength)
    return nothing(source, readFinding('CAS0902', placeAt(source, 0), 'the text is longer than 64 MiB'));
  const refused = findRefusedCharacter(text);
  if (refused !== undefined) {
    const message = `the text holds the character ${refused.name}`;
    return nothing(source, readFinding('CAS0901', placeAt(source, refused.offset), message));
  }
  const { roots, findings } = readRoots(source, format);
  return { documents: roots.map((root, index) => ({ index, root })), findings, source };
}

function readRoots(source: SourceText, format: TextFormat) {
  if (format === 'json' || (format === 'auto' && /\.(json|jsonl|ndjson)$/i.test(source.file)))
    return readJson(source);
  if (format === 'auto' && /^[ \t\r\n]*\{[ \t\r\n]*["}]/.test(source.text)) {
    const json = readJson(source);
    // Flow-style YAML begins like this too: what is no JSON by its syntax may still be YAML.
    if (json.findings[0]?.code !== 'CAS0903') return json;
  }
  return readYaml(source);
}

function nothing(source: SourceText, finding: Finding): ReadResult {
  return { documents: [], findings: [finding], source };
}
