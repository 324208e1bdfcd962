import { readDocument } from './envelope.ts';
import type { Finding } from './finding.ts';
import type { AnyResource } from './kinds/index.ts';
import type { LegacyDocument, ParsedResource, SkippedDocument } from './outcome.ts';
import { readFinding } from './read/catalogue.ts';
import { type ReadOptions, readDocuments } from './read/documents.ts';
import type { SourceText } from './read/node.ts';
import { type Resource, resourceTitle } from './resource.ts';

export interface ParseOptions extends ReadOptions {
  /** For objects that name none. */
  readonly defaultNamespace?: string;
}

export interface ParseResult {
  /** What is well-formed and valid. */
  readonly parsed: readonly ParsedResource[];
  readonly resources: readonly AnyResource[];
  /** What was found, errors included; an object with an error is not among the resources. */
  readonly findings: readonly Finding[];
  /** Documents of kinds that are not ours. */
  readonly skipped: readonly SkippedDocument[];
  readonly legacy: readonly LegacyDocument[];
  readonly sources: readonly SourceText[];
}

/** Reads, parses and validates the resources of one text; never throws on what it says. */
export function parseResources(input: string | Uint8Array, options: ParseOptions): ParseResult {
  const { documents, findings, source } = readDocuments(input, options);
  const all: Finding[] = [...findings];
  const parsed: ParsedResource[] = [];
  const skipped: SkippedDocument[] = [];
  const legacy: LegacyDocument[] = [];
  for (const { root } of documents)
    for (const outcome of readDocument(root, options.defaultNamespace ?? 'default')) {
      all.push(...outcome.findings);
      if (outcome.parsed !== undefined) parsed.push(outcome.parsed);
      if (outcome.skipped !== undefined) skipped.push(outcome.skipped);
      if (outcome.legacy !== undefined) legacy.push(outcome.legacy);
    }
  return joinResults([{ parsed, resources: [], findings: all, skipped, legacy, sources: [source] }]);
}

/** Puts the results of several texts together: of two objects of one name only one can count (P09). */
export function joinResults(results: readonly ParseResult[]): ParseResult {
  const findings = results.flatMap((result) => result.findings);
  const byName = new Map<string, ParsedResource>();
  for (const item of results.flatMap((result) => result.parsed)) {
    const key = nameKey(item.resource);
    const other = byName.get(key);
    if (other === undefined) byName.set(key, item);
    else {
      const { winner, finding } = settle(other, item);
      byName.set(key, winner);
      if (finding !== undefined) findings.push(finding);
    }
  }
  const parsed = [...byName.values()];
  return Object.freeze({
    parsed,
    resources: parsed.map((item) => item.resource),
    findings,
    skipped: results.flatMap((result) => result.skipped),
    legacy: results.flatMap((result) => result.legacy),
    sources: results.flatMap((result) => result.sources),
  });
}

function nameKey({ kind, metadata }: Resource): string {
  return JSON.stringify([kind, metadata.namespace, metadata.name]);
}

/** The higher resourceVersion is the later writing; without both it is anyone's guess, and an error. */
function settle(a: ParsedResource, b: ParsedResource): { winner: ParsedResource; finding?: Finding } {
  const [first, second] = [version(a), version(b)];
  if (first !== undefined && second !== undefined && first !== second)
    return { winner: first > second ? a : b };
  const { file, line } = a.resource.source;
  const message = `${resourceTitle(b.resource)} is written twice: also in ${file}, line ${line}`;
  return {
    winner: a,
    finding: readFinding('CAS0917', b.root, message, { resource: resourceTitle(b.resource) }),
  };
}

function version({ resource }: ParsedResource): bigint | undefined {
  const text = resource.metadata.resourceVersion;
  return text !== undefined && /^[0-9]{1,30}$/.test(text) ? BigInt(text) : undefined;
}
