import { dryRunAnnotation, parseGoBool } from '../resources/index.ts';
import { operatorErrors } from './operator-errors.ts';
import type { ResourceStore } from './ports/index.ts';
import type { ReadResource } from './read-resource-text.ts';
import { storedDocument } from './stored-document.ts';

interface Document {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: { readonly action?: string };
}

/**
 * The same policies as dry-run. Only authorization policies have one, and Istio turns a dry run of CUSTOM into a denial.
 * A policy that is enforced is not made a shadow: that would open what it closes.
 */
export async function asShadows(
  store: ResourceStore,
  resources: readonly ReadResource[],
): Promise<readonly ReadResource[]> {
  const shadows: ReadResource[] = [];
  for (const resource of resources) {
    const { kind, namespace, name, content } = resource;
    const title = `${kind}/${namespace}/${name}`;
    const document = JSON.parse(content) as Document;
    if (kind !== 'AuthorizationPolicy' || document.spec?.action === 'CUSTOM')
      throw operatorErrors.RESOURCE_HAS_NO_SHADOW({ message: `\`${title}\` cannot be a dry run` });
    const present = await store.get(kind, namespace, name);
    if (present !== undefined && !isShadow(storedDocument(present) as Document))
      throw operatorErrors.RESOURCE_IS_ENFORCED({ message: `\`${title}\` is enforced now` });
    shadows.push({ ...resource, content: JSON.stringify(shadowOf(document)) });
  }
  return shadows;
}

function isShadow({ metadata }: Document): boolean {
  return parseGoBool(metadata.annotations?.[dryRunAnnotation] ?? '') === true;
}

function shadowOf(document: Document): Document {
  const { metadata } = document;
  const annotations = { ...metadata.annotations, [dryRunAnnotation]: 'true' };
  return { ...document, metadata: { ...metadata, annotations } };
}
