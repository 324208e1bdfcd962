import { hash } from 'node:crypto';
import type { Registration } from '../../identity/index.ts';
import { formatSelector } from '../../spiffe/index.ts';
import type { AgentBundle } from './agent-bundle.ts';

/** One part of what an agent must know, and a name for its content: equal content has equal names, on any server. */
export interface SyncPart<T> {
  readonly digest: string;
  readonly content: T;
}

export interface RevocationContent {
  readonly taintedKeyIds: readonly string[];
  readonly revokedKeyIds: readonly string[];
  readonly deniedSerials: readonly string[];
  readonly deniedSpiffeIds: readonly string[];
}

/** All that a decision reads, as one text of this room. */
export interface PolicyContent {
  readonly revision: string;
  readonly contentJson: Uint8Array;
}

export interface SyncParts {
  readonly registrations: SyncPart<readonly Registration[]>;
  readonly bundles: SyncPart<readonly AgentBundle[]>;
  readonly revocations: SyncPart<RevocationContent>;
  /** Absent for agents that want none, and before there is one. */
  readonly policy?: SyncPart<PolicyContent>;
}

/** What is sent: each part that is set replaces that part whole. */
export interface SyncAnswer extends Partial<SyncParts> {
  readonly revision: string;
  readonly isFull: boolean;
}

export function registrationsPart(registrations: readonly Registration[]): SyncPart<readonly Registration[]> {
  const text = registrations.map((one) => [
    one.name,
    one.spiffeId.uri,
    one.selectors.map(formatSelector),
    one.x509SvidTtlSeconds ?? 0,
    one.jwtSvidTtlSeconds ?? 0,
    one.hint ?? '',
    one.federatesWith,
    one.dnsNames,
  ]);
  return { digest: digest(JSON.stringify(text)), content: registrations };
}

export function bundlesPart(bundles: readonly AgentBundle[]): SyncPart<readonly AgentBundle[]> {
  const hexes = (list: readonly Uint8Array[]) => list.map((der) => hash('sha256', der, 'base64url'));
  const text = bundles.map((one) => [
    one.trustDomain,
    String(one.sequence),
    one.refreshHintSeconds,
    hexes(one.x509RootsDer),
    one.jwtKeys,
    hexes(one.crlsDer),
    hexes(one.knownIssuersDer),
  ]);
  return { digest: digest(JSON.stringify(text)), content: bundles };
}

export function revocationsPart(content: RevocationContent): SyncPart<RevocationContent> {
  return { digest: digest(JSON.stringify(content)), content };
}

export function policyPart(content: PolicyContent): SyncPart<PolicyContent> {
  return { digest: digest(content.revision), content };
}

/** 96 bits: names content, proves nothing. */
function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 16);
}

/** The order of digests in a revision. */
const names = ['registrations', 'bundles', 'revocations', 'policy'] as const;

export function revisionOf(parts: SyncParts): string {
  return names.map((name) => parts[name]?.digest ?? '').join('.');
}

/** What to send to one that holds `revision`; undefined when it holds everything. In doubt, everything. */
export function answerFor(parts: SyncParts, held: string): SyncAnswer | undefined {
  const revision = revisionOf(parts);
  if (held === revision) return undefined;
  const digests = held.split('.');
  if (digests.length !== names.length) return { revision, isFull: true, ...parts };
  const changed = Object.fromEntries(
    names
      .filter((name, i) => parts[name] !== undefined && parts[name].digest !== digests[i])
      .map((name) => [name, parts[name]]),
  ) as Partial<SyncParts>;
  return { revision, isFull: false, ...changed };
}
