import type { PolicyRef } from '../decision.ts';
import type { RequestRuleRef } from '../explanation.ts';
import { foldAscii } from '../match/text-patterns.ts';
import type { TokenPlace } from '../request.ts';
import type { JwtRuleSpec, RequestAuthentication } from '../source.ts';
import { compareText } from './budget.ts';
import { type Attachment, attachmentsOf } from './target.ts';

/** One `jwtRules` entry, read: where it looks, what it takes, what it does with a token it took. */
export interface TokenRule {
  readonly ref: RequestRuleRef;
  /** `''`: any issuer. */
  readonly issuer: string;
  readonly audiences: ReadonlySet<string>;
  readonly places: readonly TokenPlace[];
  readonly forwards: boolean;
  readonly payloadHeader: string | undefined;
  readonly claimHeaders: readonly { readonly header: string; readonly path: readonly string[] }[];
  readonly delimited: ReadonlySet<string>;
  readonly isRequired: boolean;
}

/** The rules of all RequestAuthentications with one attachment. */
export interface TokenGroup {
  readonly namespace: string;
  readonly attachment: Attachment;
  readonly rules: readonly TokenRule[];
}

const defaultPlaces: readonly TokenPlace[] = Object.freeze([
  Object.freeze({ in: 'header', name: 'authorization', prefix: 'Bearer ' }),
  Object.freeze({ in: 'param', name: 'access_token' }),
]);

export function compileTokenRules(
  resource: RequestAuthentication,
): readonly { readonly attachment: Attachment; readonly rules: readonly TokenRule[] }[] {
  const { namespace, name } = resource.metadata;
  const policy: PolicyRef = Object.freeze({ kind: 'RequestAuthentication', namespace, name });
  const rules = resource.spec.jwtRules.map((spec, index) => readRule(policy, index, spec));
  return attachmentsOf(resource.spec).map((attachment) => ({ attachment, rules }));
}

/** Istio sorts by issuer; what it leaves open is settled by the rule's id. */
export function inIssuerOrder(rules: readonly TokenRule[]): readonly TokenRule[] {
  return [...new Set(rules)].sort(
    (a, b) => compareText(a.issuer, b.issuer) || compareText(a.ref.id, b.ref.id),
  );
}

function readRule(policy: PolicyRef, index: number, spec: JwtRuleSpec): TokenRule {
  return Object.freeze({
    ref: Object.freeze({ id: `${policy.namespace}/${policy.name}/${index}`, policy, index, spec }),
    issuer: spec.issuer ?? '',
    audiences: new Set(spec.audiences.map(bareAudience)),
    places: placesOf(spec),
    forwards: spec.forwardOriginalToken,
    payloadHeader:
      spec.outputPayloadToHeader === undefined ? undefined : foldAscii(spec.outputPayloadToHeader),
    claimHeaders: spec.outputClaimToHeaders.map(({ header, claim }) => ({
      header: foldAscii(header),
      path: claim.split('.'),
    })),
    delimited: new Set(['scope', 'permission', ...spec.spaceDelimitedClaims]),
    isRequired: spec.presence === 'REQUIRED',
  });
}

/** Any `from…` switches both default places off (policy.md §2.1). */
function placesOf(spec: JwtRuleSpec): readonly TokenPlace[] {
  const places: TokenPlace[] = [
    ...spec.fromHeaders.map(({ name, prefix }) => ({ in: 'header' as const, name: foldAscii(name), prefix })),
    ...spec.fromParams.map((name) => ({ in: 'param' as const, name })),
    ...spec.fromCookies.map((name) => ({ in: 'cookie' as const, name })),
  ];
  return places.length === 0 ? defaultPlaces : Object.freeze(places);
}

/** `http(s)://` in front and one `/` behind do not count, on both sides (policy.md §2.1). */
export function bareAudience(audience: string): string {
  const scheme = audience.startsWith('https://') ? 8 : audience.startsWith('http://') ? 7 : 0;
  return audience.endsWith('/') ? audience.slice(scheme, -1) : audience.slice(scheme);
}
