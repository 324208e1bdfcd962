import type { Subject } from './model.ts';
import { written } from './output.ts';

export interface ConvertedSubject {
  /** Undefined: from anywhere. */
  readonly from: Record<string, unknown> | undefined;
  readonly when: readonly Record<string, unknown>[];
  readonly notes: readonly string[];
  readonly isNobody: boolean;
}

const everyone: ReadonlySet<string> = new Set(['*', 'allUsers']);

/** Property keys that have a field of their own. */
const sourceProperties: Readonly<Record<string, string>> = {
  'source.ip': 'ipBlocks',
  'source.namespace': 'namespaces',
  'source.principal': 'principals',
};
const keptProperties =
  /^(request\.headers\[.+\]|request\.auth\.(principal|audiences|presenter|claims\[.+\]))$/;
const groupsKey = 'request.auth.claims[groups]';

/** policy.md 6.2: everything a subject says must hold. */
export function convertSubject(subject: Subject): ConvertedSubject {
  const notes: string[] = [];
  const source = sourceOf(subject);
  const when = [...groupConditions(subject)];
  for (const [key, value] of subject.properties) {
    const field = Object.hasOwn(sourceProperties, key) ? sourceProperties[key] : undefined;
    if (field !== undefined && (source[field] === undefined || source[field].length === 0))
      source[field] = [value];
    else if (field !== undefined || keptProperties.test(key)) when.push({ key, values: [value] });
    else {
      notes.push(`the property \`${key}\` has no equal: the subject was made to match nobody`);
      return { from: undefined, when: [], notes, isNobody: true };
    }
    if (key === 'request.auth.principal')
      notes.push(
        '`request.auth.principal` is now always the token\u2019s: with principalBinding USE_PEER it was the caller\u2019s certificate',
      );
  }
  const from = written(source);
  return {
    from: Object.keys(from).length === 0 ? undefined : from,
    when,
    notes,
    isNobody: isEmpty(subject),
  };
}

function sourceOf(subject: Subject): Record<string, readonly string[]> {
  const isEveryone = subject.names.some((name) => everyone.has(name));
  return {
    principals: isEveryone ? [] : subject.names.map(principal),
    notPrincipals: subject.notNames.map((name) => (everyone.has(name) ? '*' : principal(name))),
    namespaces: subject.namespaces,
    notNamespaces: subject.notNamespaces,
    ipBlocks: subject.ips,
    notIpBlocks: subject.notIps,
  };
}

function principal(name: string): string {
  return name === 'allAuthenticatedUsers' ? '*' : name.replace(/^spiffe:\/\//, '');
}

function groupConditions({ groups, notGroups }: Subject): readonly Record<string, unknown>[] {
  if (groups.length === 0 && notGroups.length === 0) return [];
  return [written({ key: groupsKey, values: groups, notValues: notGroups })];
}

function isEmpty(subject: Subject): boolean {
  const { names, notNames, groups, notGroups, namespaces, notNamespaces, ips, notIps, properties } = subject;
  const lists = [names, notNames, groups, notGroups, namespaces, notNamespaces, ips, notIps];
  return properties.size === 0 && lists.every((list) => list.length === 0);
}
