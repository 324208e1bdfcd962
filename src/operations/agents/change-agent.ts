import type { Clock } from '../../base/clock.ts';
import { SpiffeId, type TrustDomain } from '../../spiffe/index.ts';
import type { AuditAction } from '../audit/index.ts';
import { auditOf, type Operator } from '../operator.ts';
import {
  type IssuanceRecord,
  type IssuanceStore,
  type NodeRecord,
  type NodeStore,
  type RevocationStore,
  storeErrors,
} from '../ports/index.ts';
import type { RegistrationView } from '../registrations.ts';
import type { AgentReports } from './agent-reports.ts';

export interface ChangeAgentParts {
  readonly trustDomain: TrustDomain;
  readonly nodes: NodeStore;
  readonly issuances: IssuanceStore;
  readonly revocations: RevocationStore;
  readonly registrations: () => RegistrationView;
  readonly reports: Pick<AgentReports, 'find'>;
  readonly clock: Clock;
}

export interface ChangeAgentRequest {
  /** A SPIFFE ID, or what follows `/castellan/agent/` in it. */
  readonly id: string;
  readonly to: 'evicted' | 'banned' | 'unbanned';
  readonly reason: string;
  /** Deny the certificates that its workloads got through it, too. */
  readonly workloads: boolean;
  /** Says what would happen and changes nothing. */
  readonly dryRun: boolean;
}

export interface ChangeAgentOutcome {
  readonly id: string;
  readonly before: NodeRecord['state'];
  readonly applied: boolean;
  readonly isConnected: boolean;
  /** Node SVIDs that stop counting. */
  readonly nodeSvids: readonly IssuanceRecord[];
  /** Certificates got through the agent that are valid now; they stop counting only with `workloads`. */
  readonly workloadSvids: readonly IssuanceRecord[];
  /** Identities that nobody else may get: no other agent has them registered under it. */
  readonly onlyHere: readonly string[];
}

const mostShown = 1_000;
const actions = {
  evicted: 'node.evict',
  banned: 'node.ban',
  unbanned: 'node.unban',
} as const satisfies Readonly<Record<ChangeAgentRequest['to'], AuditAction>>;

/**
 * Evicts an agent (it must attest again), bans it (it may not), or lifts a ban. Its node SVIDs go on the deny list in
 * the same transaction: every door refuses them at once, and its open streams end (M15).
 */
export async function changeAgent(
  parts: ChangeAgentParts,
  operator: Operator,
  request: ChangeAgentRequest,
): Promise<ChangeAgentOutcome> {
  const node = findNode(parts, request.id);
  const { id } = node;
  const { to, reason, workloads, dryRun } = request;
  const isEnd = to !== 'unbanned';
  const nodeSvids = isEnd ? await live(parts, id) : [];
  const workloadSvids = isEnd ? await got(parts, id) : [];
  const outcome = {
    id,
    before: node.state,
    isConnected: parts.reports.find(id)?.isConnected ?? false,
    nodeSvids,
    workloadSvids,
    onlyHere: isEnd ? registeredOnlyHere(parts, id) : [],
  };
  if (dryRun) return { ...outcome, applied: false };
  const denied = workloads ? [...nodeSvids, ...workloadSvids] : nodeSvids;
  const denySerials = denied.map(({ serial }) => serial);
  const audit = auditOf(operator, actions[to], id, { reason, denied: denySerials.length, workloads });
  await parts.nodes.change({ id, to, reason, at: parts.clock.now(), denySerials }, audit);
  return { ...outcome, applied: true };
}

function findNode({ nodes, trustDomain }: ChangeAgentParts, text: string): NodeRecord {
  const uri = text.startsWith('spiffe://')
    ? SpiffeId.parse(text).uri
    : `spiffe://${trustDomain}/castellan/agent/${text}`;
  const node = nodes.find(uri);
  if (node === undefined) throw storeErrors.NODE_UNKNOWN();
  return node;
}

async function live({ issuances, revocations, clock }: ChangeAgentParts, id: string) {
  const now = clock.now();
  const records = await issuances.findBySpiffeId(id, mostShown);
  return records.filter(
    ({ notAfter, serial, spiffeId }) => notAfter > now && !revocations.isRevoked(serial, spiffeId),
  );
}

/** By the identities that are registered under it now: what was got for one that no longer is, is not found. */
async function got(parts: ChangeAgentParts, id: string): Promise<readonly IssuanceRecord[]> {
  const identities = new Set(
    parts
      .registrations()
      .under(id)
      .map(({ spiffeId }) => spiffeId.uri),
  );
  const found: IssuanceRecord[] = [];
  for (const identity of identities) {
    const records = await live(parts, identity);
    found.push(...records.filter(({ callerSubject }) => callerSubject === id));
  }
  return found;
}

function registeredOnlyHere({ nodes, registrations }: ChangeAgentParts, id: string): readonly string[] {
  const view = registrations();
  const elsewhere = new Set(
    nodes
      .list()
      .filter((node) => node.id !== id && node.state === 'attested')
      .flatMap((node) => view.under(node.id).map(({ spiffeId }) => spiffeId.uri)),
  );
  const own = new Set(view.under(id).map(({ spiffeId }) => spiffeId.uri));
  return [...own].filter((uri) => !elsewhere.has(uri)).sort();
}
