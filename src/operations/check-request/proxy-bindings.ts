import { createHash, timingSafeEqual } from 'node:crypto';
import type { WorkloadFacts } from '../../policy/index.ts';
import type { SpiffeId } from '../../spiffe/index.ts';
import type { Asker } from './question.ts';

/** Which workloads a proxy may ask about: any of these. */
export type DestinationRule =
  /** `spiffe://td/ns/shop/sa/cart`; a last segment `*` is any account. */
  | { readonly spiffeId: string }
  | { readonly namespace: string; readonly labels: ReadonlyMap<string, string> };

/** D20: one proxy, or one listener that only local processes reach. */
export interface ProxyBinding {
  readonly name: string;
  /** The SPIFFE ID of its client certificate. */
  readonly identity?: SpiffeId | undefined;
  /** SHA-256 of its bearer token. */
  readonly tokenHash?: Uint8Array | undefined;
  /** A loopback or Unix listener: whoever reaches it is this proxy. */
  readonly listener?: string | undefined;
  /** Undefined: every workload. */
  readonly destinations?: readonly DestinationRule[] | undefined;
  /** D21: a principal without its certificate is believed. */
  readonly trustProxyPrincipal: boolean;
}

export type BoundAsker =
  | { readonly ok: true; readonly binding: ProxyBinding }
  | { readonly ok: false; readonly detail: string };

export function hashToken(token: string): Uint8Array {
  return createHash('sha256').update(token).digest();
}

/** Who may ask. A credential that is shown and wrong is refused, wherever it comes from. */
export class ProxyBindings {
  readonly #byIdentity = new Map<string, BoundAsker>();
  readonly #byListener = new Map<string, BoundAsker>();
  readonly #byToken: readonly ProxyBinding[];

  constructor(bindings: readonly ProxyBinding[]) {
    for (const binding of bindings) {
      const bound = { ok: true, binding } as const;
      if (binding.identity !== undefined) this.#byIdentity.set(binding.identity.uri, bound);
      if (binding.listener !== undefined) this.#byListener.set(binding.listener, bound);
    }
    this.#byToken = bindings.filter(({ tokenHash }) => tokenHash !== undefined);
  }

  find(asker: Asker): BoundAsker {
    if (asker.identity !== undefined)
      return this.#byIdentity.get(asker.identity.uri) ?? refused('no proxy is bound under its SPIFFE ID');
    if (asker.token !== undefined) return this.#findByToken(asker.token);
    const isLocal = asker.kind === 'unix' || asker.isLoopback;
    if (!isLocal) return refused('off this host a proxy needs a client certificate or a token of its own');
    return this.#byListener.get(asker.listener) ?? refused('this listener is bound to no proxy');
  }

  #findByToken(token: string): BoundAsker {
    const given = hashToken(token);
    let found: ProxyBinding | undefined;
    // Every token is compared, in constant time, whether or not one has matched.
    for (const binding of this.#byToken)
      if (timingSafeEqual(binding.tokenHash as Uint8Array, given)) found = binding;
    return found === undefined ? refused('the token is of no proxy') : { ok: true, binding: found };
  }
}

function refused(detail: string): BoundAsker {
  return { ok: false, detail: `the proxy may not ask: ${detail}` };
}

/** Whether the proxy may ask about the workload. */
export function mayAskAbout(binding: ProxyBinding, workload: WorkloadFacts, trustDomain: string): boolean {
  const { destinations } = binding;
  return destinations === undefined || destinations.some((rule) => fits(rule, workload, trustDomain));
}

function fits(rule: DestinationRule, workload: WorkloadFacts, trustDomain: string): boolean {
  if ('namespace' in rule)
    return (
      rule.namespace === workload.namespace &&
      [...rule.labels].every(([key, value]) => workload.labels.get(key) === value)
    );
  if (workload.serviceAccount === undefined) return false;
  const account = `spiffe://${trustDomain}/ns/${workload.namespace}/sa/`;
  return rule.spiffeId === `${account}${workload.serviceAccount}` || rule.spiffeId === `${account}*`;
}
