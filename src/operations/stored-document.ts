import { operatorErrors } from './operator-errors.ts';
import type { ResourceKey, StoredResource } from './ports/index.ts';

type Stored = Pick<StoredResource, 'content' | keyof ResourceKey>;

/** The document of a stored resource, as it was applied; throws RESOURCE_DAMAGED with its name. */
export function storedDocument(stored: Stored): object {
  const found = read(stored.content);
  if (found === undefined)
    throw operatorErrors.RESOURCE_DAMAGED({
      message: `the stored resource \`${titleOf(stored)}\` cannot be read`,
    });
  return found;
}

export function isReadable({ content }: Pick<StoredResource, 'content'>): boolean {
  return read(content) !== undefined;
}

function read(content: string): object | undefined {
  try {
    const value = JSON.parse(content) as { metadata?: unknown } | null;
    return typeof value?.metadata === 'object' && value.metadata !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

export function titleOf({
  kind,
  namespace,
  name,
}: {
  kind: string;
  namespace: string;
  name: string;
}): string {
  return `${kind}/${namespace}/${name}`;
}
