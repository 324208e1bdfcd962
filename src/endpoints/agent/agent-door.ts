import { create } from '@bufbuild/protobuf';
import type { Clock } from '../../base/clock.ts';
import { type Random, ulid } from '../../base/random.ts';
import type { Evidence, NodeEvidence } from '../../identity/index.ts';
import type { ShippedByNode } from '../../operations/agents/index.ts';
import {
  type AgentCaller,
  type AgentReport,
  type AgentSync,
  type AttestedNode,
  type AttestNodeRequest,
  agentErrors,
  type MintedJwtSvid,
  type MintJwtSvidRequest,
  type RenewNodeRequest,
  type SyncSession,
} from '../../operations/agents/index.ts';
import {
  AgentService,
  AttestRequestSchema,
  type AttestStart,
  MintJwtSvidRequestSchema,
  MintJwtSvidResponseSchema,
  RenewNodeRequestSchema,
  RenewNodeResponseSchema,
  type Report,
  ShipDecisionsRequestSchema,
  ShipDecisionsResponseSchema,
  SyncRequestSchema,
} from '../../wire/gen/castellan/agent/v1/agent_pb.js';
import { type BidiCall, bidi } from '../../wire/grpc/bidi.ts';
import type { ConnectionTable } from '../../wire/grpc/connections.ts';
import { evidenceOf } from '../../wire/grpc/evidence.ts';
import { requestIdTrailer } from '../../wire/grpc/request-id.ts';
import type { GrpcDoor } from '../../wire/grpc/server.ts';
import { bytesAsTheyAre, grpcService } from '../../wire/grpc/service.ts';
import { unary } from '../../wire/grpc/unary.ts';
import { encodeAccepted, encodeChallenge, encodeSync } from './encode.ts';

export interface AgentDoorParts {
  readonly attest: (request: AttestNodeRequest) => Promise<AttestedNode>;
  readonly authenticate: (evidence: Evidence, signal: AbortSignal) => Promise<AgentCaller>;
  readonly renew: (agent: AgentCaller, request: RenewNodeRequest) => Promise<readonly Uint8Array[]>;
  readonly mint: (agent: AgentCaller, request: MintJwtSvidRequest) => Promise<MintedJwtSvid>;
  readonly takeDecisions: (agent: AgentCaller, shipped: ShippedByNode) => void;
  readonly sync: Pick<AgentSync, 'open'>;
  readonly connections: ConnectionTable;
  readonly clock: Clock;
  readonly random: Random;
}

/** Of one report: more names, and longer ones, are passed over. */
const mostWanted = 64;
const longestWanted = 4_096;
const attestMs = 30_000;
const sendMs = 30_000;

/** `castellan.agent.v1.AgentService`: decodes, calls one verb, encodes. */
export function agentDoor(parts: AgentDoorParts): GrpcDoor {
  const drop = (id: string) => parts.connections.close(id);
  return {
    definition: bytesAsTheyAre(grpcService(AgentService), ['attest', 'sync']),
    implementation: {
      attest: bidi({
        input: AttestRequestSchema,
        limits: { callMs: attestMs, sendMs },
        drop,
        handle: (call) => attest(parts, call),
      }),
      sync: bidi({ input: SyncRequestSchema, limits: { sendMs }, drop, handle: (call) => sync(parts, call) }),
      renewNode: unary(RenewNodeRequestSchema, async ({ csrDer }, call) => {
        const requestId = newRequestId(parts, call);
        const agent = await parts.authenticate(evidenceOf(call, parts.connections), call.signal);
        const chainDer = await parts.renew(agent, { csrDer, requestId, signal: call.signal });
        return create(RenewNodeResponseSchema, { chainDer: [...chainDer] });
      }),
      shipDecisions: unary(ShipDecisionsRequestSchema, async (shipped, call) => {
        const agent = await parts.authenticate(evidenceOf(call, parts.connections), call.signal);
        const { recordsJson: records, dropped, trafficJson: traffic } = shipped;
        parts.takeDecisions(agent, { records, dropped: Number(dropped), traffic });
        return create(ShipDecisionsResponseSchema, {});
      }),
      mintJwtSvid: unary(MintJwtSvidRequestSchema, async ({ spiffeId, audiences }, call) => {
        const requestId = newRequestId(parts, call);
        const agent = await parts.authenticate(evidenceOf(call, parts.connections), call.signal);
        const minted = await parts.mint(agent, { spiffeId, audiences, requestId, signal: call.signal });
        return create(MintJwtSvidResponseSchema, {
          token: minted.token,
          issuedAtMs: BigInt(minted.issuedAt),
          expiresAtMs: BigInt(minted.expiresAt),
        });
      }),
    },
  };
}

function newRequestId({ clock, random }: AgentDoorParts, call: Pick<BidiCall<never>, 'trailers'>): string {
  const requestId = ulid(clock.now(), random);
  call.trailers.set(requestIdTrailer, requestId);
  return requestId;
}

async function attest(parts: AgentDoorParts, call: BidiCall<typeof AttestRequestSchema>): Promise<void> {
  const requestId = newRequestId(parts, call);
  const first = await call.receive();
  if (first?.step.case !== 'start') throw agentErrors.AGENT_CALL_MALFORMED();
  const start = first.step.value;
  const attested = await parts.attest({
    csrDer: start.csrDer,
    agentVersion: start.agentVersion,
    shown: readEvidence(start),
    evidence: evidenceOf(call, parts.connections),
    requestId,
    signal: call.signal,
    async challenge(nonce) {
      await call.send(encodeChallenge(nonce));
      const answer = await call.receive();
      if (answer?.step.case !== 'challengeResponse') throw agentErrors.AGENT_CALL_MALFORMED();
      return answer.step.value;
    },
  });
  await call.send(encodeAccepted(attested));
}

function readEvidence({ evidence }: AttestStart): NodeEvidence {
  switch (evidence.case) {
    case 'joinToken':
      return { method: 'join_token', token: evidence.value };
    case 'x509Pop':
      return { method: 'x509pop', chainDer: evidence.value.chainDer };
    case 'k8sSat':
      return { method: 'k8s_sat', token: evidence.value };
    case undefined:
      throw agentErrors.AGENT_CALL_MALFORMED();
  }
}

async function sync(parts: AgentDoorParts, call: BidiCall<typeof SyncRequestSchema>): Promise<void> {
  newRequestId(parts, call);
  const agent = await parts.authenticate(evidenceOf(call, parts.connections), call.signal);
  const first = await call.receive();
  if (first?.message.case !== 'hello') throw agentErrors.AGENT_CALL_MALFORMED();
  using session = parts.sync.open(agent.id, first.message.value);
  call.signal.addEventListener('abort', () => session.end(call.signal.reason as Error), { once: true });
  await Promise.race([tell(session, call), listen(session, call)]);
}

async function tell(session: SyncSession, call: BidiCall<typeof SyncRequestSchema>): Promise<void> {
  for (;;) await call.send(encodeSync(await session.next()));
}

/** Ends when the agent has nothing more to say. */
async function listen(session: SyncSession, call: BidiCall<typeof SyncRequestSchema>): Promise<void> {
  for (;;) {
    const next = await call.receive();
    if (next === undefined) return;
    if (next.message.case !== 'report') throw agentErrors.AGENT_CALL_MALFORMED();
    session.report(readReport(next.message.value));
  }
}

function readReport(report: Report): AgentReport {
  return {
    revision: report.revision.slice(0, 256),
    refused: report.refused.slice(0, 1_024),
    policyRevision: report.policyRevision.slice(0, 256),
    bundleSequences: new Map(
      Object.entries(report.bundleSequences).map(([trustDomain, sequence]) => [
        trustDomain,
        Number(sequence),
      ]),
    ),
    svids: report.svids.map(({ spiffeId, serial, issuerKeyId, notAfterMs }) => ({
      spiffeId,
      serial,
      issuerKeyId,
      notAfter: Number(notAfterMs),
    })),
    endedSerials: report.endedSerials,
    wantedKeySets: report.wantedKeySets
      .slice(0, mostWanted)
      .filter(({ length }) => length > 0 && length <= longestWanted),
  };
}
