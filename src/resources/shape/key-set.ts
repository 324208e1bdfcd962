import { readSource } from '../read/documents.ts';
import { type MapNode, type PositionedNode, SourceText } from '../read/node.ts';

/** The keys of a JWKS text; a sentence when it is none. Only its shape is looked at: the keys themselves are jwt's. */
function readKeys(text: string): { readonly keys: readonly MapNode[] } | { readonly problem: string } {
  const { documents, findings } = readSource(new SourceText('jwks', text), 'json');
  const root: PositionedNode | undefined = documents[0]?.root;
  if (findings.length > 0 || documents.length !== 1 || root === undefined)
    return { problem: `is not JSON: ${findings[0]?.message ?? 'expected one object'}` };
  const list = root.kind === 'map' ? root.get('keys') : undefined;
  if (list?.kind !== 'list') return { problem: 'is not an object with a list `keys`' };
  const keys = list.items.filter((item) => item.kind === 'map');
  if (keys.length !== list.items.length) return { problem: 'has a key that is no object' };
  const isTyped = (key: MapNode) => {
    const type = key.get('kty');
    return type?.kind === 'scalar' && typeof type.value === 'string';
  };
  return keys.every(isTyped) ? { keys } : { problem: 'has a key without `kty`' };
}

export function jwksProblem(text: string): string | undefined {
  const read = readKeys(text);
  return 'problem' in read ? read.problem : undefined;
}

/** One sentence for each key that nobody but its owner should hold. */
export function secretKeys(text: string): string[] {
  const read = readKeys(text);
  if ('problem' in read) return [];
  const out: string[] = [];
  for (const [i, key] of read.keys.entries()) {
    const type = key.get('kty');
    if (type?.kind === 'scalar' && type.value === 'oct') out.push(`key ${i} of the inline jwks is symmetric`);
    else if (key.get('d') !== undefined) out.push(`key ${i} of the inline jwks holds a private key`);
  }
  return out;
}
