import type { Clock } from '../base/clock.ts';
import {
  callerProfile,
  type JwtProfile,
  type KeySetSource,
  peekJwt,
  type RejectedJwt,
  type VerifiedJwt,
  type VerifiedTokenCache,
} from '../jwt/index.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import { readBearer } from './bearer.ts';
import { type ClusterNames, resolveClusterId } from './cluster-names.ts';
import {
  type AuthenticationResult,
  type Authenticator,
  accepted,
  type Evidence,
  notApplicable,
  rejected,
  unavailable,
} from './evidence.ts';
import { fillIdentityTemplate, type IdentityTemplate } from './identity-template.ts';
import {
  formatServiceAccountName,
  parseServiceAccountName,
  readBoundObjects,
  serviceAccountId,
} from './service-account.ts';

/** How the claims of an issuer's tokens name a workload. */
export type IdentityMapping =
  /** `sub` is `system:serviceaccount:ns:sa`; the issuer belongs to one cluster. */
  | { readonly kind: 'service-account'; readonly clusterId: string }
  | { readonly kind: 'template'; readonly template: IdentityTemplate };

export interface JwtIssuer {
  readonly name: string;
  readonly issuer: string;
  readonly profile: JwtProfile;
  readonly keys: KeySetSource;
  readonly mapping: IdentityMapping;
}

/** An issuer whose tokens are judged by the *caller* profile (D14). */
export function jwtIssuer(options: {
  readonly name?: string;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly keys: KeySetSource;
  readonly mapping: IdentityMapping;
}): JwtIssuer {
  const { issuer, audiences, keys, mapping, name = issuer } = options;
  return Object.freeze({ name, issuer, profile: callerProfile({ issuer, audiences }), keys, mapping });
}

export interface JwtIssuersOptions {
  readonly trustDomain: TrustDomain;
  readonly clusters: ClusterNames;
  readonly issuers: readonly JwtIssuer[];
  readonly cache: VerifiedTokenCache;
  readonly clock: Clock;
}

/** Tokens of configured issuers. The unverified `iss` only chooses whose keys and rules judge the token. */
export function jwtIssuersAuthenticator(settings: JwtIssuersOptions): Authenticator {
  const options: Options = { ...settings, callers: new WeakMap() };
  return {
    name: 'jwt',
    secondOpinion: 'always',
    authenticate: (evidence, signal) => authenticate(options, evidence, signal),
  };
}

interface Options extends JwtIssuersOptions {
  /** What an issuer's mapping made of a token that is remembered as verified: the same token, the same caller. */
  readonly callers: WeakMap<
    VerifiedJwt,
    { readonly issuer: JwtIssuer; readonly caller: AuthenticationResult }
  >;
}

async function authenticate(
  options: Options,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<AuthenticationResult> {
  const bearer = readBearer(evidence);
  if (bearer.kind !== 'token') return notApplicable;
  const known = options.cache.issuerOf(bearer.token, options.clock.now());
  const claimed = known ?? peekJwt(bearer.token)?.issuer;
  const issuers = options.issuers.filter((issuer) => issuer.issuer === claimed);
  let worst: AuthenticationResult = notApplicable;
  for (const issuer of issuers) {
    const result = await judge(options, issuer, { token: bearer.token, evidence }, signal);
    if (result.outcome === 'accepted') return result;
    if (worst.outcome !== 'unavailable') worst = result;
  }
  return worst;
}

interface Shown {
  readonly token: string;
  readonly evidence: Evidence;
}

async function judge(
  options: Options,
  issuer: JwtIssuer,
  shown: Shown,
  signal: AbortSignal,
): Promise<AuthenticationResult> {
  const clusterId = resolveClusterId(options.clusters, shown.evidence.headers.clusterId);
  if (issuer.mapping.kind === 'service-account' && clusterId !== issuer.mapping.clusterId) {
    const detail = `clusterid names ${clusterId === undefined ? 'no cluster that we know' : 'another cluster'}`;
    return rejected('unknown-cluster', detail);
  }
  const verified = await verify(options, issuer, shown.token, signal);
  if (!('ok' in verified)) return verified;
  if (!verified.ok) return rejected(`jwt-${verified.reason}`, verified.detail);
  const known = options.callers.get(verified);
  if (known?.issuer === issuer) return known.caller;
  const caller = toCaller(options.trustDomain, issuer, verified);
  options.callers.set(verified, { issuer, caller });
  return caller;
}

async function verify(
  options: Options,
  issuer: JwtIssuer,
  token: string,
  signal: AbortSignal,
): Promise<VerifiedJwt | RejectedJwt | AuthenticationResult> {
  const keys = await issuer.keys.load(signal);
  if (keys === undefined) return unavailable('jwt-keys', `no keys of ${issuer.name} that are fresh enough`);
  const now = options.clock.now();
  const first = await options.cache.verify(token, keys, issuer.profile, now);
  if (first.ok || first.reason !== 'no-matching-key') return first;
  const kid = peekJwt(token)?.keyId;
  if (kid === undefined) return first;
  const refreshed = await issuer.keys.refreshForKid(kid, signal);
  if (refreshed.outcome === 'failed')
    return unavailable('jwt-keys', `${issuer.name} could not be asked about an unknown key`);
  if (refreshed.outcome === 'absent' || refreshed.keys.revision === keys.revision) return first;
  return options.cache.verify(token, refreshed.keys, issuer.profile, now);
}

function toCaller(trustDomain: TrustDomain, issuer: JwtIssuer, verified: VerifiedJwt): AuthenticationResult {
  if (issuer.mapping.kind === 'template') {
    const filled = fillIdentityTemplate(issuer.mapping.template, verified.claims);
    if (!filled.ok) return rejected(`jwt-${filled.reason}`, filled.detail);
    const subject = `${issuer.name}#${verified.subject ?? ''}`;
    return accepted({ identities: [filled.id], method: 'jwt', subject });
  }
  const account = parseServiceAccountName(verified.subject);
  const id = account && serviceAccountId(account, trustDomain);
  if (account === undefined || id === undefined)
    return rejected('jwt-not-a-service-account', 'sub is not system:serviceaccount:<namespace>:<account>');
  const node = readBoundObjects(verified.claims, account, issuer.mapping.clusterId);
  if (typeof node === 'string') return rejected(`jwt-bound-claims-${node}`, 'claim kubernetes.io');
  return accepted({ identities: [id], method: 'jwt', node, subject: formatServiceAccountName(account) });
}
