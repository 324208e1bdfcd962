import { Interned } from '../../base/interned.ts';
import {
  type Answer,
  type Asker,
  answerOf,
  type CheckOutcome,
  type CheckRequest,
} from '../../operations/check-request/index.ts';
import type { Decision, ShadowDecision } from '../../policy/index.ts';
import { Authorization } from '../../wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import type { ConnectionTable } from '../../wire/grpc/connections.ts';
import { type RawCall, rawUnary } from '../../wire/grpc/raw-unary.ts';
import type { GrpcDoor } from '../../wire/grpc/server.ts';
import { asBuffer, grpcService } from '../../wire/grpc/service.ts';
import { proxyTokenHeader } from '../../wire/proxy-token.ts';
import { readCheck } from './read-check.ts';
import { type CheckReply, encodeReply, lastResort, type ReplyMetadata } from './reply.ts';

export interface ExtAuthzDoorParts {
  readonly checks: Pick<CheckRequest, 'check'>;
  readonly connections: ConnectionTable;
  /** The listener's name, under which local proxies are bound (D20). */
  readonly listener: string;
}

/** `envoy.service.auth.v3.Authorization`. Every call is answered with a CheckResponse that has a status. */
export function extAuthzDoor(parts: ExtAuthzDoorParts): GrpcDoor {
  const definition = grpcService(Authorization);
  const [check] = Object.values(definition);
  return {
    definition: { check: { ...check, responseSerialize: asBuffer } as (typeof definition)[string] },
    implementation: {
      check: rawUnary((bytes, call) => {
        try {
          const outcome = parts.checks.check(question(bytes, call, parts));
          return outcome instanceof Promise ? outcome.then(encode).catch(() => lastResort) : encode(outcome);
        } catch {
          return lastResort;
        }
      }),
    },
  };
}

function question(bytes: Uint8Array, call: RawCall, parts: ExtAuthzDoorParts) {
  const { deadline } = call;
  return readCheck(bytes, {
    asker: askerOf(call, parts),
    deadlineAt: Number.isFinite(deadline) ? deadline : undefined,
    signal: undefined,
  });
}

function askerOf(call: RawCall, { connections, listener }: ExtAuthzDoorParts): Asker {
  const connection = connections.find(call.connectionId);
  const tokens = call.header(proxyTokenHeader);
  // Two tokens are no token: a wrong one is shown, and refused.
  const token = tokens.length > 1 ? '' : tokens[0];
  if (connection === undefined) return { listener, kind: 'plaintext', address: '', isLoopback: false, token };
  const { kind, peerAddress, peerIsLoopback, peer } = connection;
  return {
    listener,
    kind,
    address: peerAddress,
    isLoopback: peerIsLoopback,
    identity: peer?.spiffeId,
    serial: peer?.serial,
    token,
  };
}

function encode(outcome: CheckOutcome): Uint8Array {
  return encodeReply(replyOf(outcome, answerOf(outcome)));
}

function replyOf(outcome: CheckOutcome, answer: Answer): CheckReply {
  const metadata = metadataOf(outcome.decision);
  const decisionId = outcome.id;
  // A plain connection has no HTTP answer: the proxy closes it.
  const { isHttp } = outcome;
  if (answer.kind === 'allow') {
    const { path, setHeaders, removeHeaders, responseHeaders, removeParams } = answer;
    const all = path === undefined ? setHeaders : [...setHeaders, { name: ':path', value: path }];
    return {
      kind: 'allow',
      decisionId,
      metadata,
      ...(isHttp ? { http: { setHeaders: all, removeHeaders, responseHeaders, removeParams } } : {}),
    };
  }
  const { status, headers, body, isUnauthenticated } = answer;
  return {
    kind: 'deny',
    code: isUnauthenticated ? 16 : 7,
    message: outcome.decision.reason,
    decisionId,
    metadata,
    ...(isHttp ? { http: { status, headers, body } } : {}),
  };
}

const mostKinds = 10_000;
const plainMetadata = new Interned(mostKinds, (text) => {
  const [outcome = '', reason = '', revision = '', policyId = ''] = text.split(' ');
  return describe({ outcome, reason, revision, policyId: policyId === '' ? undefined : policyId });
});

/** One object for each kind of decision; what dry-run policies say differs too much to be kept. */
function metadataOf({ outcome, reason, revision, policyId, wouldHave }: Decision): ReplyMetadata {
  if (wouldHave !== undefined)
    return { ...describe({ outcome, reason, revision, policyId }), ...describeShadow(wouldHave) };
  return plainMetadata.of(`${outcome} ${reason} ${revision} ${policyId ?? ''}`);
}

interface Described {
  readonly outcome: string;
  readonly reason: string;
  readonly revision: string;
  readonly policyId: string | undefined;
}

/** Ours, and beside them the names that Envoy's RBAC filter and Istio's dry run use (proxies.md §3.2). */
function describe({ outcome, reason, revision, policyId }: Described): ReplyMetadata {
  const metadata: Record<string, string> = { decision_reason: reason };
  if (revision !== '') metadata.policy_revision = revision.slice(0, 16);
  if (policyId !== undefined) metadata.policy_id = policyId;
  metadata.enforced_engine_result = outcome === 'allow' ? 'allowed' : 'denied';
  if (policyId !== undefined) metadata.enforced_effective_policy_id = policyId;
  return metadata;
}

function describeShadow(wouldHave: ShadowDecision): ReplyMetadata {
  const metadata: Record<string, string | ReplyMetadata> = {
    shadow_engine_result: wouldHave.outcome === 'allow' ? 'allowed' : 'denied',
  };
  if (wouldHave.policyId !== undefined) metadata.shadow_effective_policy_id = wouldHave.policyId;
  for (const [layer, result] of [
    ['deny', wouldHave.deny],
    ['allow', wouldHave.allow],
  ] as const) {
    if (result === undefined) continue;
    metadata[`istio_dry_run_${layer}_shadow_engine_result`] = result.engineResult;
    if (result.policyId !== undefined)
      metadata[`istio_dry_run_${layer}_shadow_effective_policy_id`] = result.policyId;
  }
  if (wouldHave.outcome === 'deny')
    metadata.castellan = { shadow: 'denied', policy: wouldHave.policyId ?? 'none' };
  return metadata;
}
