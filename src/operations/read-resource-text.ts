import { type Finding, type ParsedResource, parseResources } from '../resources/index.ts';

/** What of a document the store and its callers need, whatever its kind. */
export interface ReadResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** The version its writer had read, for compare and set. */
  readonly resourceVersion: string | undefined;
  /** The document as it is kept: JSON, without what only a server writes. */
  readonly content: string;
}

export interface ReadResources {
  readonly resources: readonly ReadResource[];
  /** One of severity error refuses the whole text. */
  readonly findings: readonly Finding[];
  /** Documents of kinds that are not ours, by title: left out, counted and listed (D18). */
  readonly skipped: readonly string[];
}

export interface ReadTextOptions {
  /** The name that findings carry. */
  readonly file: string;
  readonly defaultNamespace: string;
}

/** Reads and judges what an operator wrote. */
export function readResourceText(text: string, options: ReadTextOptions): ReadResources {
  const { parsed, findings, skipped, legacy } = parseResources(text, options);
  const old = legacy.map(({ group, kind }) => `${group} ${kind} (see castellan convert)`);
  return {
    resources: parsed.map(toStored),
    findings,
    skipped: [...skipped.map(({ kind, name }) => `${kind} ${name ?? ''}`.trim()), ...old],
  };
}

/** Metadata that a server writes: kept apart from the document. */
const serverFields = new Set(['resourceVersion', 'uid', 'generation', 'managedFields', 'selfLink']);

function toStored({ resource, root }: ParsedResource): ReadResource {
  const { apiVersion, kind, metadata } = resource;
  const { namespace, name, resourceVersion } = metadata;
  const { status: _status, metadata: written, ...rest } = root.toPlain() as Record<string, unknown>;
  const kept = Object.entries(written as Record<string, unknown>).filter(
    ([field]) => !serverFields.has(field),
  );
  const content = JSON.stringify({ ...rest, metadata: { ...Object.fromEntries(kept), namespace } });
  return { apiVersion, kind, namespace, name, resourceVersion, content };
}
