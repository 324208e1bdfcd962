import type { JsonObject, JsonValue } from '../jwt/index.ts';
import { isJsonObject } from '../jwt/index.ts';
import { SpiffeId, type TrustDomain } from '../spiffe/index.ts';
import type { CallerNode } from './evidence.ts';
import type { Account } from './node-registry.ts';

const label = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const subdomain = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Reads `system:serviceaccount:<namespace>:<account>`: four parts, no more, each a Kubernetes name (A8, A12). */
export function parseServiceAccountName(text: string | undefined): Account | undefined {
  const [system, kind, namespace = '', serviceAccount = '', ...rest] = (text ?? '').split(':', 6);
  if (system !== 'system' || kind !== 'serviceaccount' || rest.length > 0) return undefined;
  return label.test(namespace) && subdomain.test(serviceAccount) ? { namespace, serviceAccount } : undefined;
}

export function formatServiceAccountName(account: Account): string {
  return `system:serviceaccount:${account.namespace}:${account.serviceAccount}`;
}

export function serviceAccountId(account: Account, trustDomain: TrustDomain): SpiffeId | undefined {
  return SpiffeId.tryParse(`spiffe://${trustDomain}/ns/${account.namespace}/sa/${account.serviceAccount}`);
}

/**
 * What a bound token says of its pod and node (claim `kubernetes.io`), or why it contradicts its own subject: a token
 * whose parts disagree is refused, never read by the part one likes.
 */
export function readBoundObjects(
  claims: JsonObject,
  account: Account,
  clusterId: string,
): CallerNode | 'malformed' | 'contradicts-subject' {
  const base: CallerNode = { clusterId, ...account };
  const bound = claims['kubernetes.io'];
  if (bound === undefined) return base;
  if (!isJsonObject(bound)) return 'malformed';
  const namespace = readText(bound.namespace);
  const serviceAccount = readMember(bound.serviceaccount, 'name');
  const podName = readMember(bound.pod, 'name');
  const podUid = readMember(bound.pod, 'uid');
  const node = readMember(bound.node, 'name');
  if ([namespace, serviceAccount, podName, podUid, node].includes(false)) return 'malformed';
  if (namespace !== undefined && namespace !== account.namespace) return 'contradicts-subject';
  if (serviceAccount !== undefined && serviceAccount !== account.serviceAccount) return 'contradicts-subject';
  return {
    ...base,
    ...(typeof podName === 'string' && { podName }),
    ...(typeof podUid === 'string' && { podUid }),
    ...(typeof node === 'string' && { name: node }),
  };
}

/** Undefined when absent, false when not a non-empty text. */
function readText(value: JsonValue | undefined): string | undefined | false {
  if (value === undefined) return undefined;
  return typeof value === 'string' && value !== '' ? value : false;
}

function readMember(value: JsonValue | undefined, member: string): string | undefined | false {
  if (value === undefined) return undefined;
  return isJsonObject(value) && readText(value[member]);
}
