import type { Decision } from '../decision.ts';
import type { ClauseTrace, NearestMiss, PolicyTrace, StageTrace } from '../explanation.ts';
import type { AuthzRequest } from '../request.ts';
import type { PolicySnapshot } from '../snapshot.ts';
import type { WorkloadView } from '../view.ts';
import { inOwnWords } from './own-words.ts';

/** What the sentence is made of: an explanation but for the sentence itself. */
export interface SentenceParts {
  readonly decision: Decision;
  readonly stages: readonly StageTrace[];
  readonly nearestMiss: NearestMiss | undefined;
  readonly request: AuthzRequest;
  readonly view: WorkloadView;
  readonly settings: PolicySnapshot['settings'];
}

/** The whole explanation in one sentence: what decided, and for a default deny what came nearest. */
export function sentenceOf(parts: SentenceParts): string {
  const { decision, request } = parts;
  switch (decision.reason) {
    case 'peer_plaintext_under_strict':
      return underStrict(parts);
    case 'allowed_by_policy':
      return `${ruleName(decision.policyId)} allows it: ${matchedWords(parts)}`;
    case 'allowed_no_policy':
      return withoutAllow(parts);
    case 'denied_by_policy':
      return `${ruleName(decision.policyId)} denies it: ${decision.detail ?? matchedWords(parts)}`;
    case 'denied_no_allow_match':
      return defaultDeny(parts);
    case 'custom_denied':
    case 'custom_unavailable':
      return `${ruleName(decision.policyId)} asks a provider: ${decision.detail ?? ''}`;
    case 'peer_unknown_trust_domain':
      return foreignDomain(parts);
    default:
      return decision.detail ?? `${decision.reason} at ${nameOf(request)}`;
  }
}

function nameOf({ destination }: AuthzRequest): string {
  const { name, namespace } = destination;
  return name === undefined ? `this workload of ${namespace}` : `${namespace}/${name}`;
}

function underStrict({ decision, request, view }: SentenceParts): string {
  const { setBy, portsSetBy, ports, level } = view.mtls;
  const port = request.connection.destinationPort;
  const [by, where] = ports.has(port) ? [portsSetBy, `port ${port}`] : [setBy, `the ${level}`];
  const detail = decision.detail ?? '';
  return by === undefined
    ? detail
    : `PeerAuthentication ${by.namespace}/${by.name} asks for mutual TLS (STRICT, ${where}): ${detail.replace(/^the port takes [^:,]*, and /, '')}`;
}

function foreignDomain({ decision, request, settings }: SentenceParts): string {
  const [own = '', ...aliases] = settings.trustDomains;
  const known = aliases.length === 0 ? '' : ` with the aliases ${aliases.join(', ')}`;
  const peer = request.connection.peer?.trustDomain;
  return peer === undefined
    ? (decision.detail ?? '')
    : `the peer is of the trust domain \`${peer}\`; this mesh is \`${own}\`${known}`;
}

function withoutAllow({ stages, request }: SentenceParts): string {
  const denies = enforced(stages, 'deny', 'DENY');
  const rest =
    denies.length === 0
      ? 'and no DENY policy either'
      : `and no rule of ${count(denies.length, 'DENY policy', 'DENY policies')} matches`;
  return `no ALLOW policy selects ${nameOf(request)}, ${rest}: then everything passes`;
}

function defaultDeny(parts: SentenceParts): string {
  const { stages, nearestMiss, request } = parts;
  const allows = enforced(stages, 'allow', 'ALLOW');
  const name = nameOf(request);
  if (allows.length === 0) return `no ALLOW policy selects ${name}, and strict mode then denies`;
  const rules = allows.reduce((sum, { rules: list }) => sum + list.length, 0);
  const head = `${count(allows.length, 'ALLOW policy selects', 'ALLOW policies select')} ${name}`;
  if (rules === 0)
    return `${head} and without rules they allow nothing`.replace(
      'they',
      allows.length === 1 ? 'it' : 'they',
    );
  const verdict = rules === 1 ? 'the one rule does not match' : `none of ${rules} rules matches`;
  if (nearestMiss === undefined) return `${head} and ${verdict}`;
  const failed = nearestMiss.failed.map((clause) => missWords(clause, request)).join('; it ');
  const which = ruleName(nearestMiss.id);
  return rules === 1
    ? `${head} and ${verdict}: ${which} ${failed}`
    : `${head} and ${verdict}; nearest is ${which}: it ${failed}`;
}

function enforced(
  stages: readonly StageTrace[],
  stage: StageTrace['stage'],
  action: PolicyTrace['action'],
): readonly PolicyTrace[] {
  const policies = stages.find((one) => one.stage === stage)?.policies ?? [];
  return policies.filter((policy) => policy.action === action && !policy.dryRun);
}

/** `ns[shop]-policy[cart]-rule[0]` → `rule 0 of shop/cart`; what has another form stays as it is. */
function ruleName(id: string | undefined): string {
  const match = /ns\[([^\]]*)\]-policy\[([^\]]*)\]-rule\[([0-9]+)\](.*)$/.exec(id ?? '');
  return match === null ? (id ?? 'a policy') : `rule ${match[3]} of ${match[1]}/${match[2]}`;
}

/** The conditions that held, on the way by which the rule matched. */
function matchedWords({ decision, stages }: SentenceParts): string {
  const id = decision.policyId;
  const traces = stages.flatMap(({ policies }) => policies.flatMap(({ rules }) => rules));
  const trace = traces.find((rule) => rule.id === id);
  const { from, to } = decision.rule ?? {};
  const clauses = [
    ...(trace?.from.find(({ index }) => index === from)?.clauses ?? []),
    ...(trace?.to.find(({ index }) => index === to)?.clauses ?? []),
    ...(trace?.when ?? []),
  ];
  if (clauses.length === 0) return 'it has no conditions';
  return clauses.map((clause) => `${clauseWords(clause.field)} ${gotWords(clause)}`).join(', ');
}

function gotWords({ field, got: raw, wanted, note }: ClauseTrace): string {
  const got = inOwnWords(field, raw);
  if (note === 'needs HTTP') return 'is passed over on a plain connection';
  if (got.length === 0) return 'is absent';
  const text = list(got);
  return isNegated(field) ||
    got.some((value) => wanted.some((one) => one === value || value.endsWith(`/${one}`)))
    ? text
    : `${text} (by ${list(wanted)})`;
}

function missWords({ field, wanted, got: raw, note }: ClauseTrace, request: AuthzRequest): string {
  const got = inOwnWords(field, raw);
  const what = clauseWords(field);
  const wish = isNegated(field) ? `excludes ${what} ${list(wanted)}` : `wants ${what} ${list(wanted)}`;
  if (note === 'needs HTTP') return `${wish}, and this is a plain connection`;
  if (got.length > 0) return isNegated(field) ? wish : `${wish}, and it is ${list(got)}`;
  return `${wish}, and ${absence(field, request)}`;
}

const peerFields = /source\.(not)?(principal|namespace|serviceAccount|trustDomain)s?/i;
const tokenFields = /requestPrincipals|request\.auth\./i;

function absence(field: string, { connection, tokens = [] }: AuthzRequest): string {
  if (tokenFields.test(field))
    return tokens.some(({ ok }) => ok) ? 'the token says nothing of it' : 'no token was accepted';
  if (peerFields.test(field))
    return connection.tls === 'none'
      ? 'the client has no identity: the connection is plaintext'
      : 'the client has no identity';
  return 'there is none';
}

const words: Readonly<Record<string, string>> = {
  principals: 'identity',
  namespaces: 'namespace',
  serviceAccounts: 'service account',
  trustDomains: 'trust domain',
  requestPrincipals: 'request principal',
  ipBlocks: 'source address',
  remoteIpBlocks: 'client address',
  hosts: 'host',
  ports: 'port',
  methods: 'method',
  paths: 'path',
  'source.ip': 'source address',
  'remote.ip': 'client address',
  'source.namespace': 'namespace',
  'source.serviceAccount': 'service account',
  'source.trustDomain': 'trust domain',
  'source.principal': 'identity',
  'request.auth.principal': 'request principal',
  'request.auth.audiences': 'token audience',
  'request.auth.presenter': 'token presenter',
  'destination.ip': 'destination address',
  'destination.port': 'port',
  'connection.sni': 'SNI',
};

/** A clause's name in an operator's words: `source.notNamespaces` → `namespace`. */
export function clauseWords(field: string): string {
  const condition = /^when\[(.*)\]\.(values|notValues)$/.exec(field)?.[1];
  const header = /^request\.headers\[(.*)\]$/.exec(condition ?? '')?.[1];
  if (header !== undefined) return `header ${header.toLowerCase()}`;
  const claim = /^request\.auth\.claims\[(.*)\]$/.exec(condition ?? '')?.[1];
  if (claim !== undefined) return `claim ${claim.split('][').join('.')}`;
  const name = condition ?? field.slice(field.indexOf('.') + 1);
  const positive = isNegated(field) && condition === undefined ? lowerFirst(name.slice(3)) : name;
  return Object.hasOwn(words, positive) ? (words[positive] ?? positive) : positive;
}

export function isNegated(field: string): boolean {
  return /^(source|operation)\.not[A-Z]/.test(field) || field.endsWith('].notValues');
}

function lowerFirst(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}

const few = 3;

function list(values: readonly string[]): string {
  const shown = values.slice(0, few).map((value) => `\`${value}\``);
  const more = values.length - shown.length;
  if (more > 0) return `${shown.join(', ')} or ${more} more`;
  return shown.length < 2 ? (shown[0] ?? 'nothing') : `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}`;
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
