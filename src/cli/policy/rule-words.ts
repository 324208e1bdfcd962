import { clauseWords, isNegated, type PolicyRef, type PolicySnapshot } from '../../policy/index.ts';

type Written = Readonly<Record<string, readonly string[]>>;

interface WrittenRule {
  readonly from: readonly Written[];
  readonly to: readonly Written[];
  readonly when: readonly {
    readonly key: string;
    readonly values: readonly string[];
    readonly notValues: readonly string[];
  }[];
}

/** Each rule of a policy as a line: `from service account web or orders; method GET, path /books`. */
export function rulesInWords(
  snapshot: PolicySnapshot,
  { kind, namespace, name }: PolicyRef,
): readonly string[] {
  const resource = snapshot.internals.entries.get(`${kind}\u0000${namespace}\u0000${name}`)?.resource;
  if (resource?.kind === 'RequestAuthentication')
    return resource.spec.jwtRules.map(
      ({ issuer, audiences }) =>
        `tokens of ${issuer ?? 'any issuer'}${audiences.length === 0 ? '' : ` for ${audiences.join(' or ')}`}`,
    );
  if (resource?.kind !== 'AuthorizationPolicy') return [];
  return (resource.spec.rules as unknown as readonly WrittenRule[]).map(ruleInWords);
}

function ruleInWords({ from, to, when }: WrittenRule): string {
  const parts = [
    from.length === 0
      ? 'anybody'
      : `from ${from.map((source) => entryInWords('source', source)).join(', or from ')}`,
    ...(to.length === 0 ? [] : [to.map((operation) => entryInWords('operation', operation)).join(', or ')]),
    ...when.flatMap(({ key, values, notValues }) => [
      ...(values.length === 0 ? [] : [`when ${clauseWords(`when[${key}].values`)} is ${either(values)}`]),
      ...(notValues.length === 0
        ? []
        : [`when ${clauseWords(`when[${key}].notValues`)} is not ${either(notValues)}`]),
    ]),
  ];
  return parts.join('; ');
}

function entryInWords(list: 'source' | 'operation', entry: Written): string {
  return Object.entries(entry)
    .filter(([, values]) => values.length > 0)
    .map(([field, values]) => {
      const name = `${list}.${field}`;
      return `${clauseWords(name)} ${isNegated(name) ? 'not ' : ''}${either(values)}`;
    })
    .join(list === 'source' ? ' and ' : ', ');
}

function either(values: readonly string[]): string {
  const shown = values.slice(0, 6);
  const more = values.length - shown.length;
  return `${shown.join(' or ')}${more > 0 ? ` or ${more} more` : ''}`;
}
