import { type Finding, hasErrors, type PositionedDocument, readDocuments } from '../resources/index.ts';

/** What of a document the store and its callers need, whatever its kind. */
export interface ReadResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** The version its writer had read, for compare and set. */
  readonly resourceVersion?: string;
  /** The document as it is kept: JSON, without what only a server writes. */
  readonly content: string;
}

export interface ReadResources {
  readonly resources: readonly ReadResource[];
  readonly findings: readonly Finding[];
  /** Documents of kinds that are not ours, by title: left out, counted and listed (D18). */
  readonly skipped: readonly string[];
}

export interface ReadTextOptions {
  /** The name that findings carry. */
  readonly file: string;
  readonly defaultNamespace: string;
}

/** Reads what an operator wrote. The resources room judges it; a finding of severity error refuses the whole text. */
export type ResourceTextReader = (text: string, options: ReadTextOptions) => ReadResources;

/** Judges one document by its kind: what it is, or undefined when the kind is not ours, and what is wrong with it. */
export type DocumentJudge = (
  document: PositionedDocument,
  defaultNamespace: string,
) => {
  readonly envelope?: Pick<ReadResource, 'apiVersion' | 'kind' | 'namespace' | 'name' | 'resourceVersion'>;
  readonly skipped?: string;
  readonly findings: readonly Finding[];
};

/** Metadata that a server writes: kept apart from the document. */
const serverFields = ['resourceVersion', 'uid', 'generation', 'managedFields', 'selfLink'];

export function resourceTextReader(judge: DocumentJudge): ResourceTextReader {
  return (text, { file, defaultNamespace }) => {
    const read = readDocuments(text, { file });
    const findings: Finding[] = [...read.findings];
    const resources: ReadResource[] = [];
    const skipped: string[] = [];
    for (const document of hasErrors(findings) ? [] : read.documents) {
      const judged = judge(document, defaultNamespace);
      findings.push(...judged.findings);
      if (judged.skipped !== undefined) skipped.push(judged.skipped);
      if (judged.envelope !== undefined)
        resources.push({ ...judged.envelope, content: contentOf(document, judged.envelope.namespace) });
    }
    return { resources, findings, skipped };
  };
}

function contentOf(document: PositionedDocument, namespace: string): string {
  const plain = document.root.toPlain() as Record<string, unknown>;
  const { status: _status, ...kept } = plain;
  const metadata = { ...(kept.metadata as Record<string, unknown>), namespace };
  for (const name of serverFields) delete (metadata as Record<string, unknown>)[name];
  return JSON.stringify({ ...kept, metadata });
}
