import type { Logger } from '../../base/logger.ts';
import {
  type AnyResource,
  hasErrors,
  parseResources,
  type TrustBundleResource,
} from '../../resources/index.ts';
import type { JwtBundleKey, TrustDomain } from '../../spiffe/index.ts';
import { parseCertificate, parseCertificatesPem } from '../../x509/index.ts';
import type { ResourceStore, StoredResource } from '../ports/index.ts';
import type { AgentBundle } from './agent-bundle.ts';
import type { FederatedBundles } from './sync-ports.ts';

const kind = 'TrustBundle';
const defaultRefreshSeconds = 300;

type Draft = Pick<StoredResource, 'kind' | 'namespace' | 'name' | 'content'>;

/** The bundles of other trust domains, as the `TrustBundle` resources write them down. */
export class TrustBundles implements FederatedBundles, Disposable {
  readonly #ownTrustDomain: TrustDomain;
  readonly #logger: Logger;
  readonly #byName = new Map<string, AgentBundle>();
  readonly #listeners = new Set<() => void>();
  #subscription: Disposable | undefined;

  private constructor(ownTrustDomain: TrustDomain, logger: Logger) {
    this.#ownTrustDomain = ownTrustDomain;
    this.#logger = logger;
  }

  static async open(parts: {
    readonly resources: ResourceStore;
    readonly trustDomain: TrustDomain;
    readonly logger: Logger;
  }): Promise<TrustBundles> {
    const bundles = new TrustBundles(parts.trustDomain, parts.logger);
    bundles.#subscription = parts.resources.watch(({ revision, changes }) => {
      let isOurs = false;
      for (const change of changes) {
        const key = 'put' in change ? change.put : change.delete;
        if (key.kind !== kind) continue;
        isOurs = true;
        if ('put' in change) bundles.#put(change.put, revision);
        else bundles.#byName.delete(keyOf(change.delete));
      }
      if (isOurs) for (const listener of bundles.#listeners) listener();
    });
    for (const stored of await parts.resources.list(kind)) bundles.#put(stored, stored.version);
    return bundles;
  }

  /** Two resources for one trust domain: the first by name counts. */
  find(trustDomain: string): AgentBundle | undefined {
    const [first] = [...this.#byName]
      .filter(([, bundle]) => bundle.trustDomain === trustDomain)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return first?.[1];
  }

  watch(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#subscription?.[Symbol.dispose]();
  }

  #put(draft: Draft, version: bigint): void {
    const bundle = this.#read(draft, version);
    if (bundle === undefined) this.#byName.delete(keyOf(draft));
    else this.#byName.set(keyOf(draft), bundle);
  }

  #read(draft: Draft, version: bigint): AgentBundle | undefined {
    try {
      const { resources, findings } = parseResources(draft.content, { file: `${kind}/${draft.name}` });
      const found = resources.find(isTrustBundle);
      if (found === undefined || hasErrors(findings)) throw new Error('it cannot be read');
      // Our own bundle is what the authority publishes, and nothing that anybody writes down.
      if (found.spec.trustDomain === this.#ownTrustDomain) throw new Error('it names our own trust domain');
      return toBundle(found, version);
    } catch (error) {
      this.#logger.error('a trust bundle does not count', { name: draft.name, error: String(error) });
      return undefined;
    }
  }
}

const isTrustBundle = (resource: AnyResource): resource is TrustBundleResource => resource.kind === kind;

const keyOf = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}/${name}`;

function toBundle({ spec }: TrustBundleResource, version: bigint): AgentBundle | undefined {
  const roots = spec.rootsPem === undefined ? [] : parseCertificatesPem(spec.rootsPem).map(({ der }) => der);
  const document = spec.bundle === undefined ? undefined : readDocument(spec.bundle);
  const x509RootsDer = [...roots, ...(document?.x509RootsDer ?? [])];
  const jwtKeys = document?.jwtKeys ?? [];
  // Only an endpoint is named: what it serves is not fetched here.
  if (x509RootsDer.length === 0 && jwtKeys.length === 0) return undefined;
  return {
    trustDomain: spec.trustDomain,
    sequence: document?.sequence ?? version,
    refreshHintSeconds: document?.refreshHintSeconds ?? defaultRefreshSeconds,
    x509RootsDer,
    jwtKeys,
    crlsDer: [],
    knownIssuersDer: [],
  };
}

interface DocumentKey {
  readonly use?: unknown;
  readonly kid?: unknown;
  readonly x5c?: unknown;
}

/** A SPIFFE bundle document; keys of another use, or without what their use asks for, are left out (B-05 … B-08). */
function readDocument(text: string) {
  const document = JSON.parse(text) as {
    readonly keys?: readonly DocumentKey[];
    readonly spiffe_sequence?: unknown;
    readonly spiffe_refresh_hint?: unknown;
  };
  const x509RootsDer: Uint8Array[] = [];
  const jwtKeys: JwtBundleKey[] = [];
  for (const key of document.keys ?? []) {
    const { use, kid, x5c } = key;
    const [der] = Array.isArray(x5c) ? (x5c as unknown[]) : [];
    if (use === 'x509-svid' && typeof der === 'string')
      x509RootsDer.push(parseCertificate(Buffer.from(der, 'base64')).der);
    if (use === 'jwt-svid' && typeof kid === 'string' && kid !== '')
      jwtKeys.push({ kid, jwk: textMembers(key) });
  }
  const { spiffe_sequence: sequence, spiffe_refresh_hint: hint } = document;
  return {
    x509RootsDer,
    jwtKeys,
    sequence: Number.isSafeInteger(sequence) ? BigInt(sequence as number) : undefined,
    refreshHintSeconds: Number.isSafeInteger(hint) && (hint as number) > 0 ? (hint as number) : undefined,
  };
}

function textMembers(key: object): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(key).filter((member): member is [string, string] => typeof member[1] === 'string'),
  );
}
