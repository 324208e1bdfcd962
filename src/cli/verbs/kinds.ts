import { knownKinds } from '../../resources/index.ts';

/** Istio's short names, and kubectl's habit of plurals in lower case. */
const shortNames: Readonly<Record<string, string>> = {
  pa: 'PeerAuthentication',
  ra: 'RequestAuthentication',
  ap: 'AuthorizationPolicy',
  we: 'WorkloadEntry',
  se: 'ServiceEntry',
};

function pluralOf(kind: string): string {
  const lower = kind.toLowerCase();
  return lower.endsWith('y') ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}

const kinds = Object.keys(knownKinds);

/** Names for completion. */
export const kindNames: readonly string[] = kinds.map(pluralOf);

/** `AuthorizationPolicy`, `authorizationpolicy`, `authorizationpolicies` and `ap` are one kind. */
export function findKind(text: string): string | undefined {
  const lower = text.toLowerCase();
  return kinds.find((kind) => kind.toLowerCase() === lower || pluralOf(kind) === lower) ?? shortNames[lower];
}
