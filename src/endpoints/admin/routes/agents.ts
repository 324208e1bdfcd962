import { type AgentView, changeAgent, listAgents } from '../../../operations/agents/index.ts';
import type { IssuanceRecord } from '../../../operations/ports/index.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

const heldBundle = s.closed({
  trustDomain: s.text('The trust domain.'),
  sequence: s.whole('The sequence of the bundle that every subscriber of the agent was given.'),
  since: s.instant('When the agent first said so.'),
});

const agent = s.closed(
  {
    id: s.spiffeIdText,
    state: s.text('How it stands.', { enum: ['attested', 'expired', 'evicted', 'banned'] }),
    reason: s.text('Why it was evicted or banned.'),
    method: s.text('How it was attested.'),
    selectors: s.list(s.text('type:value.'), 'What attestation found out.'),
    agentVersion: s.text('The version of the agent.'),
    serial: s.text('Of its newest node SVID, hexadecimal.'),
    notAfter: s.instant('When that ends.'),
    attestedAt: s.instant('When it last proved what it is.'),
    renewedAt: s.instant('When it got its newest node SVID.'),
    lastSeenAt: s.instant('When it was last heard of.'),
    connected: s.flag('Its stream is open.'),
    registrations: s.whole('Identities registered under it.'),
    svids: s.whole('Certificates it says are in use.'),
    bundles: s.list(heldBundle, 'Trust bundles it holds.'),
    revision: s.text('What it has in force.'),
    policyRevision: s.text('The policy snapshot it has in force.'),
    refused: s.text('Why it refused what it was sent last.'),
    decisionsDropped: s.whole('Decision records that a flood has cost at the node.'),
  },
  ['reason', 'revision', 'policyRevision', 'refused'],
);

function toJson({ node, state, holding, registrations }: AgentView) {
  const given = (name: string, text: string | undefined) =>
    text === undefined || text === '' ? {} : { [name]: text };
  return {
    id: node.id,
    state,
    ...given('reason', node.stateReason),
    method: node.method,
    selectors: node.selectors,
    agentVersion: node.agentVersion,
    serial: node.serial,
    notAfter: s.iso(node.notAfter),
    attestedAt: s.iso(node.attestedAt),
    renewedAt: s.iso(node.renewedAt),
    lastSeenAt: s.iso(holding?.lastSeenAt ?? node.lastSeenAt),
    connected: holding?.isConnected ?? false,
    registrations,
    svids: holding?.svids.length ?? 0,
    decisionsDropped: holding?.decisionsDropped ?? 0,
    bundles: (holding?.bundles ?? node.bundles).map(({ since, ...rest }) => ({
      ...rest,
      since: s.iso(since),
    })),
    ...given('revision', holding?.revision),
    ...given('policyRevision', holding?.policyRevision),
    ...given('refused', holding?.refused),
  };
}

const depsOf = ({ store, authority, agents, clock }: AdminParts) => ({
  trustDomain: authority.trustDomain,
  nodes: store.nodes,
  issuances: store.issuances,
  revocations: store.revocations,
  registrations: agents.registrations,
  reports: agents.reports,
  clock,
});

function listRoute(parts: AdminParts): AdminRoute {
  const deps = depsOf(parts);
  return route({
    method: 'GET',
    url: '/agents',
    role: 'viewer',
    tag: 'agents',
    summary: 'Agents: how they were attested, how they stand, and what they hold.',
    schema: { answer: s.listOf('Agent', agent) },
    handle: () => ({ apiVersion: s.apiVersion, kind: 'AgentList', items: listAgents(deps).map(toJson) }),
  });
}

interface ChangeBody {
  readonly id: string;
  readonly to: 'evicted' | 'banned' | 'unbanned';
  readonly reason?: string;
  readonly workloads?: boolean;
  readonly dryRun?: boolean;
}

const certificate = s.closed({
  serial: s.serialText,
  spiffeId: s.spiffeIdText,
  notAfter: s.instant('When it would have ended.'),
});

function changeRoute(parts: AdminParts): AdminRoute {
  const deps = depsOf(parts);
  return route<unknown, unknown, ChangeBody>({
    method: 'POST',
    url: '/agents/state',
    role: 'admin',
    tag: 'agents',
    summary:
      'Evicts an agent (it must attest again), bans it, or lifts a ban; with `dryRun`, says what that would stop.',
    schema: {
      body: s.closed(
        {
          id: s.text('Its SPIFFE ID, or what follows /castellan/agent/ in it.', { maxLength: 2_048 }),
          to: s.text('What becomes of it.', { enum: ['evicted', 'banned', 'unbanned'] }),
          reason: s.text('Why.', { maxLength: 512 }),
          workloads: s.flag('Deny the certificates that its workloads got through it, too.'),
          dryRun: s.flag('Change nothing.'),
        },
        ['reason', 'workloads', 'dryRun'],
      ),
      answer: s.one('AgentStateResult', {
        id: s.spiffeIdText,
        before: s.text('How it stood.'),
        applied: s.flag('False for a dry run.'),
        connected: s.flag('It had an open stream.'),
        nodeSvids: s.list(certificate, 'Node SVIDs that stop counting.'),
        workloadSvids: s.list(
          certificate,
          'Valid certificates got through it; they stop counting with `workloads` only.',
        ),
        onlyHere: s.list(s.spiffeIdText, 'Identities registered under no other attested agent.'),
      }),
    },
    handle: async ({ operator, body }) => {
      const { id, to, reason = 'not given', workloads = false, dryRun = false } = body;
      const { isConnected, ...outcome } = await changeAgent(deps, operator, {
        id,
        to,
        reason,
        workloads,
        dryRun,
      });
      return {
        apiVersion: s.apiVersion,
        kind: 'AgentStateResult',
        ...outcome,
        connected: isConnected,
        nodeSvids: outcome.nodeSvids.map(shortly),
        workloadSvids: outcome.workloadSvids.map(shortly),
      };
    },
  });
}

function shortly({ serial, spiffeId, notAfter }: IssuanceRecord) {
  return { serial, spiffeId, notAfter: s.iso(notAfter) };
}

export function agentRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [listRoute(parts), changeRoute(parts)];
}
