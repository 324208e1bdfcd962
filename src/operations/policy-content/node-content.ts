import { SpiffeId } from '../../spiffe/index.ts';
import type { ProxyBinding } from '../check-request/index.ts';
import type { PolicySettings } from '../policy-snapshot/index.ts';
import type { StoredResource } from '../ports/index.ts';
import { policyContentErrors } from './errors.ts';
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

/**
 * What a node decides by, beside bundle and deny list: these it is told apart, since they change without the policies and
 * must not wait for them.
 */
export interface NodeContent {
  readonly storeRevision: bigint;
  /** What the server compiled of it: a node must come to the same. */
  readonly snapshotRevision: string;
  readonly settings: NodeDecisionSettings;
  readonly resources: readonly StoredResource[];
  readonly keySets: readonly RelayedKeySet[];
}

const format = 2;

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
  const { storeRevision, snapshotRevision, settings, keySets } = content;
  const head = JSON.stringify({
    format,
    storeRevision: String(storeRevision),
    snapshotRevision,
    settings: { ...settings, bindings: settings.bindings.map(writeBinding) },
    keySets,
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
  readonly resources: readonly (Omit<StoredResource, 'version'> & { readonly version: string })[];
}

/** Throws when it is not of this format: the server is newer, or it was damaged. */
export function readNodeContent(json: Uint8Array): NodeContent {
  try {
    const written = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)) as Written;
    if (written.format !== format) throw new Error(`format ${written.format}`);
    const { settings } = written;
    return {
      storeRevision: BigInt(written.storeRevision),
      snapshotRevision: written.snapshotRevision,
      settings: { ...settings, bindings: settings.bindings.map(readBinding) },
      keySets: written.keySets,
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
