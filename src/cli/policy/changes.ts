import { type ParsedResource, type ParseResult, resourceKey, resourceTitle } from '../../resources/index.ts';

export interface ResourceChange {
  readonly change: 'added' | 'removed' | 'changed';
  /** E.g. `AuthorizationPolicy shop/cart`. */
  readonly resource: string;
}

/** Objects that are not the same on both sides, by name; comments, layout and order of keys are no difference. */
export function changedResources(before: ParseResult, after: ParseResult): readonly ResourceChange[] {
  const [was, is] = [before, after].map(
    ({ parsed }) => new Map(parsed.map((item) => [resourceKey(item.resource), item])),
  ) as [Map<string, ParsedResource>, Map<string, ParsedResource>];
  const keys = [...new Set([...was.keys(), ...is.keys()])].sort();
  return keys.flatMap((key): readonly ResourceChange[] => {
    const [old, now] = [was.get(key), is.get(key)];
    const resource = resourceTitle((now ?? old)?.resource as ParsedResource['resource']);
    if (old === undefined) return [{ change: 'added', resource }];
    if (now === undefined) return [{ change: 'removed', resource }];
    return contentOf(old) === contentOf(now) ? [] : [{ change: 'changed', resource }];
  });
}

function contentOf({ root }: ParsedResource): string {
  return JSON.stringify(root.toPlain(), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
