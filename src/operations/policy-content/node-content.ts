import { isTrustDomain, SpiffeId } from '../../spiffe/index.ts';
import type { ProxyBinding } from '../check-request/index.ts';
import type { PolicySettings } from '../policy-snapshot/index.ts';
import type { StoredResource } from '../ports/index.ts';
import { policyContentErrors } from './errors.ts';
import type { DenyContent, TrustContent } from './followed-trust.ts';
import type { RelayedKeySet } from './relayed-key-sets.ts';

/** How a CUSTOM provider is reached, as settings of the server say. */
export interface NodeProvider {
  readonly name: string;
  readonly address?: { readonly host: string; readonly port: number } | undefined;
  readonly tls?: { readonly caPem?: string | undefined } | undefined;
}

/** What the server's settings say about deciding, for a node. */
export interface NodeDecisionSettings {
  readonly policy: PolicySettings;
  readonly bindings: readonly ProxyBinding[];
  readonly providers: readonly NodeProvider[];
  /** D15, as ranges. */
  readonly outboundAllow: readonly string[];
  readonly sampleAllows: number;
}

/** All that a decision reads, for a node that decides by itself. */
export interface NodeContent {
  readonly storeRevision: bigint;
  /** What the server compiled of it: a node must come to the same. */
  readonly snapshotRevision: string;
  readonly settings: NodeDecisionSettings;
  readonly resources: readonly StoredResource[];
  readonly keySets: readonly RelayedKeySet[];
  readonly trust: TrustContent;
  readonly denied: DenyContent;
}

const format = 1;

/** One resource as text; kept by the builder, so that a change of one is not paid for all. */
export function writeResource(stored: StoredResource): string {
  const { version, ...rest } = stored;
  return JSON.stringify({ ...rest, version: String(version) });
}

/** JSON, resources given as they were written by `writeResource`. */
export function writeNodeContent(
  content: Omit<NodeContent, 'resources'>,
  resources: readonly string[],
): string {
  const { storeRevision, snapshotRevision, settings, keySets, trust, denied } = content;
  const head = JSON.stringify({
    format,
    storeRevision: String(storeRevision),
    snapshotRevision,
    settings: { ...settings, bindings: settings.bindings.map(writeBinding) },
    keySets,
    trust: {
      trustDomain: trust.trustDomain,
      roots: trust.rootsDer.map(base64),
      knownIssuers: trust.knownIssuersDer.map(base64),
      crls: trust.crlsDer.map(base64),
    },
    denied,
  });
  return `${head.slice(0, -1)},"resources":[${resources.join(',')}]}`;
}

interface Written {
  readonly format: number;
  readonly storeRevision: string;
  readonly snapshotRevision: string;
  readonly settings: Omit<NodeDecisionSettings, 'bindings'> & {
    readonly bindings: readonly WrittenBinding[];
  };
  readonly keySets: readonly RelayedKeySet[];
  readonly trust: {
    readonly trustDomain: string;
    readonly roots: readonly string[];
    readonly knownIssuers: readonly string[];
    readonly crls: readonly string[];
  };
  readonly denied: DenyContent;
  readonly resources: readonly (Omit<StoredResource, 'version'> & { readonly version: string })[];
}

/** Throws when it is not of this format: the server is newer, or it was damaged. */
export function readNodeContent(json: Uint8Array): NodeContent {
  try {
    const written = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)) as Written;
    if (written.format !== format) throw new Error(`format ${written.format}`);
    const { trust, settings } = written;
    if (!isTrustDomain(trust.trustDomain)) throw new Error('no trust domain');
    return {
      storeRevision: BigInt(written.storeRevision),
      snapshotRevision: written.snapshotRevision,
      settings: { ...settings, bindings: settings.bindings.map(readBinding) },
      keySets: written.keySets,
      denied: written.denied,
      trust: {
        trustDomain: trust.trustDomain,
        rootsDer: trust.roots.map(bytes),
        knownIssuersDer: trust.knownIssuers.map(bytes),
        crlsDer: trust.crls.map(bytes),
      },
      resources: written.resources.map((one) => ({ ...one, version: BigInt(one.version) })),
    };
  } catch (cause) {
    throw policyContentErrors.NODE_POLICY_UNREADABLE({ cause });
  }
}

interface WrittenBinding {
  readonly name: string;
  readonly identity?: string | undefined;
  readonly tokenHash?: string | undefined;
  readonly listener?: string | undefined;
  readonly destinations?:
    | readonly (
        | { readonly spiffeId: string }
        | { readonly namespace: string; readonly labels: readonly (readonly [string, string])[] }
      )[]
    | undefined;
  readonly trustProxyPrincipal: boolean;
}

function writeBinding({ identity, tokenHash, destinations, ...rest }: ProxyBinding): WrittenBinding {
  return {
    ...rest,
    identity: identity?.uri,
    tokenHash: tokenHash === undefined ? undefined : base64(tokenHash),
    destinations: destinations?.map((rule) =>
      'spiffeId' in rule ? rule : { namespace: rule.namespace, labels: [...rule.labels] },
    ),
  };
}

function readBinding({ identity, tokenHash, destinations, ...rest }: WrittenBinding): ProxyBinding {
  return {
    ...rest,
    identity: identity === undefined ? undefined : SpiffeId.parse(identity),
    tokenHash: tokenHash === undefined ? undefined : bytes(tokenHash),
    destinations: destinations?.map((rule) =>
      'spiffeId' in rule ? rule : { namespace: rule.namespace, labels: new Map(rule.labels) },
    ),
  };
}

const base64 = (der: Uint8Array) => Buffer.from(der).toString('base64');
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
