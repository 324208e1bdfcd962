import { isDeepStrictEqual } from 'node:util';
import {
  type AuthzRequest,
  type Decision,
  evaluate,
  type PolicySnapshot,
  providersNeeded,
  type RequestRuleRef,
  requestRulesFor,
} from '../../policy/index.ts';
import type { DecisionRecord } from './record.ts';

/** What the candidate would make of one record. */
export type Replayed =
  | { readonly kind: 'same' }
  | { readonly kind: 'flip'; readonly before: Decision; readonly after: Decision }
  | { readonly kind: 'undecidable'; readonly missing: string };

export interface Sides {
  readonly current: PolicySnapshot;
  readonly candidate: PolicySnapshot;
}

/** D22: an input that was not recorded, and that either side may look at, makes it undecidable, never a guess. */
export function replay(record: DecisionRecord, request: AuthzRequest, sides: Sides): Replayed {
  const before = evaluate(sides.current, request);
  const after = evaluate(sides.candidate, request);
  const missing = missingInput(record, [before, after]) ?? missingAnswer(request, sides);
  if (missing !== undefined) return { kind: 'undecidable', missing };
  return before.outcome === after.outcome ? { kind: 'same' } : { kind: 'flip', before, after };
}

function missingInput({ masked }: DecisionRecord, decisions: readonly Decision[]): string | undefined {
  for (const { inputs } of decisions)
    for (const input of inputs) {
      if (masked.includes(input)) return `${input} was not recorded`;
      if (input.startsWith('request.headers[') && masked.includes('request.headers'))
        return `${input} was not recorded`;
    }
  return undefined;
}

/** What others would have to say again: a CUSTOM provider that was not asked, a token that no rule looked at. */
function missingAnswer(request: AuthzRequest, { current, candidate }: Sides): string | undefined {
  const provider = providersNeeded(candidate, request).find((name) => request.custom?.has(name) !== true);
  if (provider !== undefined) return `CUSTOM provider ${provider} was not asked`;
  const before = requestRulesFor(current, request.destination);
  const added = requestRulesFor(candidate, request.destination).filter(
    (rule) => !before.some((known) => known.id === rule.id && isDeepStrictEqual(known.spec, rule.spec)),
  );
  const place = added.map((rule) => mayHoldToken(rule, request)).find((found) => found !== undefined);
  return place === undefined ? undefined : `a token in ${place} was not verified for the changed rule`;
}

/** Where a token for this rule may have stood: values are masked, so that it is there is all that is known. */
function mayHoldToken({ spec }: RequestRuleRef, { http }: AuthzRequest): string | undefined {
  if (http === undefined) return undefined;
  const { fromHeaders, fromParams, fromCookies } = spec;
  const names = fromHeaders.map(({ name }) => name.toLowerCase());
  const isDefault = names.length === 0 && fromParams.length === 0 && fromCookies.length === 0;
  const headers = [...(isDefault ? ['authorization'] : names), ...(fromCookies.length > 0 ? ['cookie'] : [])];
  const header = headers.find((name) => http.headers.has(name));
  if (header !== undefined) return `request.headers[${header}]`;
  const params = isDefault ? ['access_token'] : fromParams;
  const query = http.path.split('?')[1] ?? '';
  const param = params.find((name) => query.split('&').some((one) => one.startsWith(`${name}=`)));
  return param === undefined ? undefined : `request.query[${param}]`;
}
