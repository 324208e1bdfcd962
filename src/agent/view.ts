import { toHex } from '../base/bytes.ts';
import { mayBeRegistered } from '../identity/index.ts';
import {
  isTrustDomain,
  type JwtBundleKey,
  parseSelector,
  type Selector,
  SpiffeId,
  type TrustDomain,
} from '../spiffe/index.ts';
import { type Certificate, parseCertificate } from '../x509/index.ts';
import { agentErrors } from './errors.ts';

/** Which selectors make which identity on this node. */
export interface AgentRegistration {
  /** Namespace and name of the resource: the order in which identities are offered. */
  readonly name: string;
  readonly spiffeId: SpiffeId;
  readonly selectors: readonly Selector[];
  /** 0: the server's default. */
  readonly x509TtlSeconds: number;
  readonly hint: string;
  readonly federatesWith: readonly TrustDomain[];
  /** DNS names for its certificates. */
  readonly dnsNames: readonly string[];
}

/** The keys of one trust domain, read and ready. */
export interface AgentBundle {
  readonly trustDomain: TrustDomain;
  readonly sequence: bigint;
  readonly refreshHintSeconds: number;
  readonly roots: readonly Certificate[];
  readonly jwtKeys: readonly JwtBundleKey[];
  readonly crlsDer: readonly Uint8Array[];
  /** Certificates that sign or signed and have not ended (D21). */
  readonly knownIssuersDer: readonly Uint8Array[];
}

/** Key ids and serials in lower hex. */
export interface AgentRevocations {
  readonly taintedKeyIds: ReadonlySet<string>;
  readonly revokedKeyIds: ReadonlySet<string>;
  readonly deniedSerials: ReadonlySet<string>;
  readonly deniedSpiffeIds: ReadonlySet<string>;
}

/** All that the server has told this node, at one revision. Parts that did not change are the same objects. */
export interface NodeView {
  readonly revision: string;
  readonly trustDomain: TrustDomain;
  /** By name. */
  readonly registrations: readonly AgentRegistration[];
  /** Own trust domain first. */
  readonly bundles: ReadonlyMap<TrustDomain, AgentBundle>;
  readonly revocations: AgentRevocations;
  /** For a check at the node; undefined when none was asked for. */
  readonly policy: PolicyContent | undefined;
}

/** All that a decision reads, as the server wrote it. */
export interface PolicyContent {
  readonly revision: string;
  readonly json: Uint8Array;
}

/** As it came from the server: nothing is checked yet. */
export interface RawRegistration {
  readonly name: string;
  readonly spiffeId: string;
  readonly selectors: readonly string[];
  readonly x509TtlSeconds: number;
  readonly hint: string;
  readonly federatesWith: readonly string[];
  /** Absent in what earlier versions kept. */
  readonly dnsNames?: readonly string[];
}

export interface RawBundle {
  readonly trustDomain: string;
  readonly sequence: bigint;
  readonly refreshHintSeconds: number;
  readonly rootsDer: readonly Uint8Array[];
  readonly jwtKeys: readonly { readonly kid: string; readonly jwkJson: string }[];
  readonly crlsDer: readonly Uint8Array[];
  readonly knownIssuersDer: readonly Uint8Array[];
}

export interface RawRevocations {
  readonly taintedKeyIds: readonly string[];
  readonly revokedKeyIds: readonly string[];
  readonly deniedSerials: readonly string[];
  readonly deniedSpiffeIds: readonly string[];
}

/** Each part that is there replaces that part whole. */
export interface RawUpdate {
  readonly revision: string;
  readonly isFull: boolean;
  readonly registrations: readonly RawRegistration[] | undefined;
  readonly bundles: readonly RawBundle[] | undefined;
  readonly revocations: RawRevocations | undefined;
  readonly policy: PolicyContent | undefined;
}

/** Two updates as the one that says the same. */
export function mergeUpdates(before: RawUpdate | undefined, update: RawUpdate): RawUpdate {
  if (update.isFull || before === undefined) return update;
  return {
    revision: update.revision,
    isFull: before.isFull,
    registrations: update.registrations ?? before.registrations,
    bundles: update.bundles ?? before.bundles,
    revocations: update.revocations ?? before.revocations,
    policy: update.policy ?? before.policy,
  };
}

export interface AppliedUpdate {
  readonly view: NodeView;
  /** Registrations that were left out, and why: the rest is in force. */
  readonly leftOut: readonly string[];
}

/** The view after an update; throws SERVER_ANSWER_REFUSED, and then the view before stays in force. */
export function applyUpdate(before: NodeView | undefined, update: RawUpdate): AppliedUpdate {
  const kept = update.isFull ? undefined : before;
  if (before === undefined && !update.isFull) throw refused('the first answer is not a full one');
  const bundles = update.bundles === undefined ? kept?.bundles : readBundles(update.bundles);
  const [trustDomain] = bundles?.keys() ?? [];
  if (bundles === undefined || trustDomain === undefined) throw refused('there is no bundle');
  if (before !== undefined && before.trustDomain !== trustDomain)
    throw refused(`the trust domain changed from \`${before.trustDomain}\` to \`${trustDomain}\``);
  const leftOut: string[] = [];
  const registrations =
    update.registrations === undefined
      ? (kept?.registrations ?? [])
      : readRegistrations(update.registrations, trustDomain, leftOut);
  const revocations =
    update.revocations === undefined
      ? (kept?.revocations ?? noRevocations)
      : readRevocations(update.revocations);
  const policy = update.policy ?? kept?.policy;
  const view = { revision: update.revision, trustDomain, registrations, bundles, revocations, policy };
  return { view: Object.freeze(view), leftOut };
}

function refused(why: string, cause?: unknown): Error {
  return agentErrors.SERVER_ANSWER_REFUSED({
    message: `the server sent something that is not acceptable: ${why}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

function readRegistrations(
  items: readonly RawRegistration[],
  trustDomain: TrustDomain,
  leftOut: string[],
): readonly AgentRegistration[] {
  const read: AgentRegistration[] = [];
  for (const item of items) {
    try {
      read.push(readRegistration(item, trustDomain));
    } catch (error) {
      leftOut.push(`${item.name.slice(0, 256)}: ${(error as Error).message}`);
    }
  }
  return Object.freeze(read.sort((a, b) => compare(a.name, b.name)));
}

/** By code unit, whatever the locale of the machine: the order is part of the contract (W-22). */
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function readRegistration(item: RawRegistration, trustDomain: TrustDomain): AgentRegistration {
  const spiffeId = SpiffeId.parse(item.spiffeId);
  if (!mayBeRegistered(spiffeId, trustDomain)) throw refused(`\`${spiffeId.uri}\` may not be registered`);
  // Without selectors it would match everybody.
  if (item.selectors.length === 0) throw refused('it has no selectors');
  return Object.freeze({
    name: item.name,
    spiffeId,
    selectors: item.selectors.map(parseSelector),
    x509TtlSeconds: item.x509TtlSeconds,
    hint: item.hint,
    federatesWith: item.federatesWith.filter(isTrustDomain),
    dnsNames: item.dnsNames ?? [],
  });
}

function readBundles(items: readonly RawBundle[]): ReadonlyMap<TrustDomain, AgentBundle> {
  const bundles = new Map<TrustDomain, AgentBundle>();
  for (const item of items) {
    if (!isTrustDomain(item.trustDomain)) throw refused('a bundle names no trust domain');
    if (bundles.has(item.trustDomain)) throw refused(`\`${item.trustDomain}\` has two bundles`);
    bundles.set(item.trustDomain, readBundle(item, item.trustDomain));
  }
  const [own] = bundles.values();
  if (own === undefined || own.roots.length === 0) throw refused('its own bundle has no root');
  return bundles;
}

function readBundle(item: RawBundle, trustDomain: TrustDomain): AgentBundle {
  try {
    return Object.freeze({
      trustDomain,
      sequence: item.sequence,
      refreshHintSeconds: item.refreshHintSeconds,
      roots: item.rootsDer.map(parseCertificate),
      jwtKeys: item.jwtKeys.map(({ kid, jwkJson }) => ({
        kid,
        jwk: JSON.parse(jwkJson) as Record<string, string>,
      })),
      crlsDer: item.crlsDer,
      knownIssuersDer: item.knownIssuersDer,
    });
  } catch (cause) {
    throw refused(`the bundle of \`${trustDomain}\` cannot be read`, cause);
  }
}

export const noRevocations: AgentRevocations = Object.freeze({
  taintedKeyIds: new Set<string>(),
  revokedKeyIds: new Set<string>(),
  deniedSerials: new Set<string>(),
  deniedSpiffeIds: new Set<string>(),
});

function readRevocations(raw: RawRevocations): AgentRevocations {
  return Object.freeze({
    taintedKeyIds: new Set(raw.taintedKeyIds),
    revokedKeyIds: new Set(raw.revokedKeyIds),
    deniedSerials: new Set(raw.deniedSerials),
    deniedSpiffeIds: new Set(raw.deniedSpiffeIds),
  });
}

/** The subject key ids of all that signed a chain, lower hex. */
export function issuerKeyIds(chain: readonly Certificate[]): readonly string[] {
  return chain.flatMap(({ authorityKeyId }) => (authorityKeyId === undefined ? [] : [toHex(authorityKeyId)]));
}
