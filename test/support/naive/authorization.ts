/** AuthorizationPolicy, read straight from the semantics: no index, no compilation, every rule every time. */
import * as m from './matchers.ts';
import type { PlainMesh, PlainPolicy, PlainRequest } from './model.ts';

export interface Input {
  readonly request: PlainRequest;
  readonly peer: string | undefined;
  readonly path: string | undefined;
  readonly claims: m.Claims | undefined;
  readonly bundle: readonly string[];
  readonly policyNamespace: string;
  readonly isHttp: boolean;
  readonly isStrict: boolean;
}

type Test = (value: string) => boolean;

/** What a rule holds that this chain cannot see makes ALLOW rules drop, and other rules drop that condition. */
const invisible = Symbol('not visible on this chain');
type Verdict = boolean | typeof invisible;

const httpOnly = new Set(['hosts', 'methods', 'paths', 'requestPrincipals']);

function testFor(field: string, input: Input): Test {
  const { request, peer, bundle } = input;
  const tests: Readonly<Record<string, Test>> = {
    principals: (v) => m.matchPrincipal(peer, v, bundle),
    namespaces: (v) => m.matchNamespace(peer, v),
    serviceAccounts: (v) => m.matchServiceAccount(peer, v, input.policyNamespace),
    trustDomains: (v) => m.matchTrustDomain(peer, v, bundle),
    requestPrincipals: (v) => m.matchRequestPrincipal(input.claims, v),
    ipBlocks: (v) => m.matchIp(request.sourceIp, v),
    remoteIpBlocks: (v) => m.matchIp(request.remoteIp ?? request.sourceIp, v),
    hosts: (v) => (input.isStrict ? m.matchHostStrictly : m.matchHost)(request.http?.host ?? '', v),
    ports: (v) => Number(v) === request.port,
    methods: (v) => m.matchText(request.http?.method ?? '', v),
    paths: (v) => m.matchPath(input.path ?? '', v),
  };
  const test = tests[field];
  if (test === undefined) throw new TypeError(`no test for ${field}`);
  return test;
}

function whenTest(key: string, input: Input): Test | undefined {
  const { request, claims } = input;
  const plain: Readonly<Record<string, Test>> = {
    'source.ip': testFor('ipBlocks', input),
    'remote.ip': testFor('remoteIpBlocks', input),
    'source.namespace': testFor('namespaces', input),
    'source.serviceAccount': testFor('serviceAccounts', input),
    'source.trustDomain': testFor('trustDomains', input),
    'source.principal': testFor('principals', input),
    'request.auth.principal': testFor('requestPrincipals', input),
    'request.auth.audiences': (v) => m.matchClaim(claims, ['aud'], v),
    'request.auth.presenter': (v) => m.matchClaim(claims, ['azp'], v),
    'destination.ip': (v) => m.matchIp(request.destinationIp, v),
    'destination.port': testFor('ports', input),
    'connection.sni': (v) => request.sni !== undefined && m.matchText(request.sni, v),
  };
  if (plain[key] !== undefined) return plain[key];
  const header = /^request\.headers\[(.+)\]$/.exec(key);
  if (header) return (v) => m.matchHeader(headerLines(request, header[1] as string), v);
  const claim = /^request\.auth\.claims\[(.*)\]$/.exec(key);
  if (claim) return (v) => m.matchClaim(claims, claimPath(claim[1] as string), v);
  const filter = /^experimental\.(envoy\.filters\.[^[]+)\[(.+)\]$/.exec(key);
  if (filter) return (v) => matchMetadata(request.metadata?.[filter[1] as string], filter[2] as string, v);
  return undefined;
}

/** `[a][b]` is a path; what does not read as a chain of brackets is one name. */
function claimPath(inside: string): readonly string[] {
  const names = inside.split('][');
  return names.some((name) => /[[\]]/.test(name)) ? [inside] : names;
}

function headerLines({ http }: PlainRequest, written: string): readonly string[] | undefined {
  const name = written.toLowerCase();
  if (http === undefined) return undefined;
  if (name === 'host' || name === ':authority') return [http.host];
  if (name === ':method') return [http.method];
  if (name === ':path') return [http.path];
  if (name === ':scheme') return http.scheme === undefined ? undefined : [http.scheme.toLowerCase()];
  return Object.hasOwn(http.headers, name) ? http.headers[name] : undefined;
}

/** Strict mode: one list over all lines and commas. An ALLOW wants every item, any other action one. */
function headerHoldsStrictly(
  lines: readonly string[] | undefined,
  values: readonly string[],
  action: string,
) {
  if (lines === undefined) return { holds: false, notHolds: true };
  const itemsOf = (text: string) => text.split(',').map((item) => item.trim());
  const items = itemsOf(lines.join(','));
  const matching = items.filter((item) => values.some((v) => v === '*' || m.matchText(item, v))).length;
  const isWhole = values.some((v) => !/^\*|\*$/.test(v) && itemsOf(v).join(',') === items.join(','));
  const all = isWhole || matching === items.length;
  const any = isWhole || matching > 0;
  return action === 'ALLOW' ? { holds: all, notHolds: !any } : { holds: any, notHolds: !all };
}

function matchMetadata(namespace: unknown, key: string, pattern: string): boolean {
  const value = (namespace as Record<string, unknown> | undefined)?.[key];
  const inList = /^\[(.*)\]$/.exec(pattern);
  if (inList)
    return (
      Array.isArray(value) &&
      value.some((one) => typeof one === 'string' && m.matchText(one, inList[1] as string))
    );
  return typeof value === 'string' && m.matchText(value, pattern);
}

/** Strict: nobody in particular is not `anybody but x`, where an ALLOW rule asks. */
const identityFields = ['principals', 'namespaces', 'serviceAccounts', 'trustDomains'];
const identityKeys = ['source.principal', 'source.namespace', 'source.serviceAccount', 'source.trustDomain'];

function lacksIdentity(name: string, input: Input, action: string): boolean {
  if (!input.isStrict || action !== 'ALLOW') return false;
  if (identityFields.includes(name) || identityKeys.includes(name)) return input.peer === undefined;
  const isToken = name === 'requestPrincipals' || name === 'request.auth.principal';
  const { iss, sub } = (input.claims ?? {}) as { readonly iss?: unknown; readonly sub?: unknown };
  return isToken && (typeof iss !== 'string' || typeof sub !== 'string');
}

const negative = (field: string) => /^not[A-Z]/.test(field);
const positiveName = (field: string) => `${field.charAt(3).toLowerCase()}${field.slice(4)}`;

/** One source or operation: its fields AND, the values of a field OR, a `not` field is NOT(any). */
function entryHolds(entry: Record<string, readonly string[]>, action: string, input: Input): Verdict {
  let sawInvisible = false;
  for (const [field, values] of Object.entries(entry)) {
    const name = negative(field) ? positiveName(field) : field;
    if (!input.isHttp && httpOnly.has(name)) {
      sawInvisible = true;
      continue;
    }
    const any = values.some(testFor(name, input));
    if (negative(field) ? any || lacksIdentity(name, input, action) : !any) return false;
  }
  return sawInvisible ? invisible : true;
}

function conditionHolds(
  condition: { key: string; values?: string[]; notValues?: string[] },
  action: string,
  input: Input,
): Verdict {
  const isHttpKey = condition.key.startsWith('request.');
  if (!input.isHttp && isHttpKey) return invisible;
  const test = whenTest(condition.key, input);
  if (test === undefined) return false;
  const { key, values = [], notValues = [] } = condition;
  const header = /^request\.headers\[(.+)\]$/.exec(key)?.[1];
  if (header !== undefined && input.isStrict) {
    const lines = headerLines(input.request, header);
    return (
      (values.length === 0 || headerHoldsStrictly(lines, values, action).holds) &&
      (notValues.length === 0 || headerHoldsStrictly(lines, notValues, action).notHolds)
    );
  }
  if (values.length > 0 && !values.some(test)) return false;
  if (notValues.length > 0 && lacksIdentity(key, input, action)) return false;
  return !notValues.some(test);
}

interface Rule {
  readonly from?: readonly { source: Record<string, readonly string[]> }[];
  readonly to?: readonly { operation: Record<string, readonly string[]> }[];
  readonly when?: readonly { key: string; values?: string[]; notValues?: string[] }[];
}

/** A rule holds when one `from`, one `to` and every `when` hold. */
export function ruleHolds(rule: Rule, action: string, input: Input): boolean {
  const tolerate = action !== 'ALLOW';
  const ok = (verdict: Verdict) => verdict === true || (verdict === invisible && tolerate);
  const isUnseeable = !input.isHttp && action === 'ALLOW' && mentionsHttp(rule);
  if (isUnseeable) return false;
  const from =
    rule.from === undefined ||
    rule.from.length === 0 ||
    rule.from.some((one) => ok(entryHolds(one.source, action, input)));
  const to =
    rule.to === undefined ||
    rule.to.length === 0 ||
    rule.to.some((one) => ok(entryHolds(one.operation, action, input)));
  const when = rule.when === undefined || rule.when.every((one) => ok(conditionHolds(one, action, input)));
  return from && to && when;
}

function mentionsHttp(rule: Rule): boolean {
  const fields = [...(rule.from ?? []).map((f) => f.source), ...(rule.to ?? []).map((t) => t.operation)]
    .flatMap((entry) => Object.keys(entry))
    .map((field) => (negative(field) ? positiveName(field) : field));
  return (
    fields.some((field) => httpOnly.has(field)) || (rule.when ?? []).some((w) => w.key.startsWith('request.'))
  );
}

/** Ids of the rules of these policies that hold, in lexical order: the first is the one a proxy reports. */
export function matchingRules(
  policies: readonly PlainPolicy[],
  action: string,
  input: Omit<Input, 'policyNamespace'>,
): string[] {
  return policies
    .flatMap((policy) =>
      ((policy.spec?.rules ?? []) as Rule[]).flatMap((rule, i) =>
        ruleHolds(rule, action, { ...input, policyNamespace: policy.metadata.namespace })
          ? [`ns[${policy.metadata.namespace}]-policy[${policy.metadata.name}]-rule[${i}]`]
          : [],
      ),
    )
    .sort();
}

export function bundleOf(mesh: PlainMesh): readonly string[] {
  return [mesh.trustDomain ?? 'cluster.local', ...(mesh.trustDomainAliases ?? [])];
}
