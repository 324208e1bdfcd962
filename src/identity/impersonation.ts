import { isReservedId, SpiffeId, type TrustDomain, workloadAccount } from '../spiffe/index.ts';
import type { Caller } from './evidence.ts';
import { isNodeId } from './node-id.ts';
import type { Account, NodeRegistry } from './node-registry.ts';

export interface ImpersonationRules {
  readonly trustDomain: TrustDomain;
  /** `namespace/service-account` of the node proxies, e.g. `istio-system/ztunnel`. */
  readonly trustedAccounts: ReadonlySet<string>;
  /** The cluster of callers whose credential names none. */
  readonly clusterId: string;
}

export type ImpersonationRefusal =
  | 'not-a-spiffe-id'
  | 'foreign-trust-domain'
  | 'reserved-id'
  | 'not-registered-under-node'
  | 'no-trusted-accounts'
  | 'caller-has-no-account'
  | 'caller-not-trusted'
  | 'not-a-workload-id'
  | 'no-node-binding'
  | 'instance-unknown'
  | 'instance-differs'
  | 'not-on-node';

export type ImpersonationDecision =
  | { readonly allowed: true; readonly id: SpiffeId }
  | { readonly allowed: false; readonly reason: ImpersonationRefusal; readonly detail: string };

/** Makes the rules; `accounts` are `namespace/service-account`, anything else is a TypeError for settings to prevent. */
export function impersonationRules(options: {
  readonly trustDomain: TrustDomain;
  readonly clusterId: string;
  readonly trustedAccounts: readonly string[];
}): ImpersonationRules {
  for (const account of options.trustedAccounts)
    if (!/^[^/\s]+\/[^/\s]+$/.test(account)) throw new TypeError(`not namespace/service-account: ${account}`);
  return Object.freeze({ ...options, trustedAccounts: new Set(options.trustedAccounts) });
}

/** May this caller have a certificate for `wanted`? D2, csr-api.md §2.3. On success the leaf carries `id` and nothing else. */
export function decideImpersonation(
  caller: Caller,
  wanted: string,
  registry: NodeRegistry,
  rules: ImpersonationRules,
): ImpersonationDecision {
  const id = SpiffeId.tryParse(wanted);
  if (id === undefined) return refuse('not-a-spiffe-id', 'the impersonated identity is not a SPIFFE ID');
  if (id.trustDomain !== rules.trustDomain)
    return refuse(
      'foreign-trust-domain',
      `the impersonated identity is of the trust domain ${id.trustDomain}`,
    );
  if (isReservedId(id)) return refuse('reserved-id', '/castellan/ is for nodes');
  const node = nodeIdentity(caller, rules.trustDomain);
  if (node === undefined) return decideForTrustedAccount(caller, id, registry, rules);
  return registry.isRegisteredUnder(node, id)
    ? { allowed: true, id }
    : refuse('not-registered-under-node', `${id.uri} is not registered under ${node.uri}`);
}

/** The node SVID by which the caller came, if it did: an agent. */
function nodeIdentity(caller: Caller, trustDomain: TrustDomain): SpiffeId | undefined {
  if (caller.method !== 'client_cert') return undefined;
  return caller.identities.find((id) => isNodeId(id, trustDomain));
}

function decideForTrustedAccount(
  caller: Caller,
  id: SpiffeId,
  registry: NodeRegistry,
  rules: ImpersonationRules,
): ImpersonationDecision {
  if (rules.trustedAccounts.size === 0) return refuse('no-trusted-accounts', 'no account may impersonate');
  const account = callerAccount(caller);
  if (account === undefined)
    return refuse('caller-has-no-account', 'the caller has no namespace and account');
  const accountName = `${account.namespace}/${account.serviceAccount}`;
  if (!rules.trustedAccounts.has(accountName))
    return refuse('caller-not-trusted', `${accountName} is not among the trusted accounts`);
  const target = workloadAccount(id);
  if (target === undefined)
    return refuse('not-a-workload-id', 'not of the shape /ns/<namespace>/sa/<account>');
  const clusterId = caller.node?.clusterId ?? rules.clusterId;
  const binding = findNode(caller, account, registry, clusterId);
  if ('allowed' in binding) return binding;
  return registry.nodesOf(clusterId, target).has(binding.node)
    ? { allowed: true, id }
    : refuse('not-on-node', `no instance of ${id.principal} on the node ${binding.node}`);
}

function callerAccount(caller: Caller): Account | undefined {
  if (caller.node !== undefined) return caller.node;
  const [own, ...others] = caller.identities;
  return own === undefined || others.length > 0 ? undefined : workloadAccount(own);
}

/** The node that the caller runs on: by its instance, or, without one, by an account that runs on one node only (I7). */
function findNode(
  caller: Caller,
  account: Account,
  registry: NodeRegistry,
  clusterId: string,
): { readonly node: string } | Extract<ImpersonationDecision, { allowed: false }> {
  const uid = caller.node?.podUid;
  if (uid === undefined) {
    const [node, ...others] = registry.nodesOf(clusterId, account);
    if (node !== undefined && others.length === 0) return { node };
    return refuse(
      'no-node-binding',
      'the credential names no instance, and the account is not bound to one node',
    );
  }
  const instance = registry.findInstance(clusterId, uid);
  if (instance === undefined) return refuse('instance-unknown', `no instance ${uid} in the registry`);
  const podName = caller.node?.podName;
  const same =
    instance.namespace === account.namespace &&
    instance.serviceAccount === account.serviceAccount &&
    (instance.name === undefined || podName === undefined || instance.name === podName);
  return same
    ? { node: instance.node }
    : refuse('instance-differs', `the instance ${uid} is registered as another workload`);
}

function refuse(
  reason: ImpersonationRefusal,
  detail: string,
): Extract<ImpersonationDecision, { allowed: false }> {
  return { allowed: false, reason, detail };
}
