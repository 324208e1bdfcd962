import { Composer, CST, type Document, Lexer, Parser } from 'yaml';
import type { Finding } from '../finding.ts';
import { type ReadCode, readFinding } from './catalogue.ts';
import { readLimits } from './limits.ts';
import type { SourceText } from './node.ts';
import { placeAt } from './text.ts';
import type { Chunk } from './yaml-chunks.ts';

/** YAML 1.2 core and nothing else; duplicate keys are ours to find (the library's way is quadratic). */
const composeOptions = {
  version: '1.2',
  schema: 'core',
  merge: false,
  resolveKnownTags: false,
  uniqueKeys: false,
  strict: true,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

/** One entry a list or map, and a few for the document, a pair and a scalar being built. */
const deepestStack = readLimits.depth * 2 + 8;

/**
 * Composes one document. Anchors, aliases, tags, directives and depth are refused on the tokens, before anything is
 * resolved or recursed into (P01, P02, P06). The library's ranges count from the stream's start.
 */
export function composeDocument(
  source: SourceText,
  chunk: Chunk,
): { readonly document: Document.Parsed } | { readonly finding: Finding } {
  const parser = new Parser();
  parser.offset = chunk.start;
  const tokens: CST.Token[] = [];
  let isScalar = false;
  for (const lexeme of new Lexer().lex(chunk.text)) {
    const type: string | null = isScalar ? 'content' : CST.tokenType(lexeme);
    isScalar = type === 'scalar';
    const problem = tokenProblem(type, lexeme, parser.stack.length);
    if (problem !== undefined)
      return { finding: readFinding(problem.code, placeAt(source, parser.offset), problem.message) };
    for (const token of parser.next(lexeme)) tokens.push(token);
  }
  for (const token of parser.end()) tokens.push(token);
  return composeTokens(source, chunk, tokens);
}

function composeTokens(source: SourceText, chunk: Chunk, tokens: readonly CST.Token[]) {
  const composer = new Composer(composeOptions);
  const documents: Document.Parsed[] = [];
  for (const token of tokens)
    for (const document of composer.next(token)) documents.push(document as Document.Parsed);
  for (const document of composer.end(true, chunk.start + chunk.text.length))
    documents.push(document as Document.Parsed);
  const problem = documents.flatMap((document) => document.errors)[0];
  if (problem !== undefined) {
    const message = (problem.message.split('\n')[0] ?? '').replace(/[.:]$/, '');
    return { finding: readFinding('CAS0903', placeAt(source, problem.pos[0]), lowerFirst(message)) };
  }
  const [document] = documents;
  if (document === undefined || documents.length > 1)
    return { finding: readFinding('CAS0903', placeAt(source, chunk.start), 'expected one document here') };
  return { document };
}

function tokenProblem(
  type: string | null,
  lexeme: string,
  depth: number,
): { code: ReadCode; message: string } | undefined {
  if (depth > deepestStack)
    return { code: 'CAS0902', message: `nested deeper than ${readLimits.depth} levels` };
  const text = lexeme.length > 60 ? `${lexeme.slice(0, 60)}…` : lexeme;
  switch (type) {
    case 'alias':
      return { code: 'CAS0904', message: `the alias \`${text}\` is not allowed` };
    case 'anchor':
      return { code: 'CAS0904', message: `the anchor \`${text}\` is not allowed` };
    case 'tag':
      return { code: 'CAS0905', message: `the tag \`${text}\` is not allowed` };
    case 'directive-line':
      return { code: 'CAS0905', message: `the directive \`${text}\` is not allowed` };
    default:
      return undefined;
  }
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
