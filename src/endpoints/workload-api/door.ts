import { create, type JsonObject } from '@bufbuild/protobuf';
import type { Metadata } from '@grpc/grpc-js';
import { agentErrors, type StateFeed, type WorkloadAccess, type WorkloadSession } from '../../agent/index.ts';
import type { Clock } from '../../base/clock.ts';
import { type Random, ulid } from '../../base/random.ts';
import {
  JWTSVIDRequestSchema,
  JWTSVIDResponseSchema,
  SpiffeWorkloadAPI,
  ValidateJWTSVIDRequestSchema,
  ValidateJWTSVIDResponseSchema,
} from '../../wire/gen/spiffe/workload/workloadapi_pb.js';
import type { ConnectionTable } from '../../wire/grpc/connections.ts';
import { type Feed, type PushOptions, pushStream, type StreamCall } from '../../wire/grpc/push-stream.ts';
import { requestIdTrailer } from '../../wire/grpc/request-id.ts';
import type { GrpcDoor } from '../../wire/grpc/server.ts';
import { grpcServiceOfBytes } from '../../wire/grpc/service.ts';
import { type UnaryCall, unary } from '../../wire/grpc/unary.ts';
import { encodeJwtBundles, encodeX509Bundles, encodeX509Svids } from './encode.ts';

const securityHeader = 'workload.spiffe.io';

export interface WorkloadApiParts {
  readonly access: WorkloadAccess;
  readonly connections: ConnectionTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly push: PushOptions;
}

/** `/SpiffeWorkloadAPI/*`: decodes, calls the agent, encodes. */
export function workloadApiDoor(parts: WorkloadApiParts): GrpcDoor {
  const identify = (call: AnyCall) => identifyCaller(parts, call);
  const { access, push } = parts;
  const unsupported = pushStream(push, async (_request, call) => {
    checkSecurityHeader(call);
    throw agentErrors.PROFILE_UNSUPPORTED();
  });
  return {
    definition: grpcServiceOfBytes(SpiffeWorkloadAPI),
    implementation: {
      fetchX509SVID: pushStream(push, async (_request, call) =>
        feedOf(access.followIdentities(await identify(call), wake(call)), encodeX509Svids),
      ),
      fetchX509Bundles: pushStream(push, async (_request, call) =>
        feedOf(access.followBundles(await identify(call), wake(call)), encodeX509Bundles),
      ),
      fetchJWTBundles: pushStream(push, async (_request, call) =>
        feedOf(access.followBundles(await identify(call), wake(call)), encodeJwtBundles),
      ),
      fetchJWTSVID: unary(JWTSVIDRequestSchema, async ({ audience, spiffeId }, call) => {
        const session = await identify(call);
        const svids = await access.jwtSvids(session, { audiences: audience, spiffeId }, call.signal);
        const answers = svids.map(({ token, ...named }) => ({ ...named, svid: token }));
        return create(JWTSVIDResponseSchema, { svids: answers });
      }),
      validateJWTSVID: unary(ValidateJWTSVIDRequestSchema, async ({ audience, svid }, call) => {
        const session = await identify(call);
        const { spiffeId, claims } = await access.validateJwtSvid(session, svid, audience);
        return create(ValidateJWTSVIDResponseSchema, {
          spiffeId: spiffeId.uri,
          claims: claims as JsonObject,
        });
      }),
      fetchWITSVID: unsupported,
      fetchWITBundles: unsupported,
    },
  };
}

interface AnyCall extends Pick<StreamCall & UnaryCall, 'header' | 'connectionId'> {
  readonly trailers: Metadata;
}

const wake = (call: StreamCall) => () => call.wake();

/** E-04, E-05: the header comes before everything else. */
function checkSecurityHeader(call: AnyCall): void {
  const values = call.header(securityHeader);
  if (values.length !== 1 || values[0] !== 'true') throw agentErrors.SECURITY_HEADER_MISSING();
}

async function identifyCaller(parts: WorkloadApiParts, call: AnyCall): Promise<WorkloadSession> {
  const requestId = ulid(parts.clock.now(), parts.random);
  call.trailers.set(requestIdTrailer, requestId);
  checkSecurityHeader(call);
  const process = parts.connections.find(call.connectionId)?.process;
  return await parts.access.open({ process, requestId });
}

/** States as messages; one that reads as the one before is not sent again. */
function feedOf<T extends object>(states: StateFeed<T>, encode: (state: T) => Uint8Array): Feed {
  let sent: Uint8Array | undefined;
  return {
    next() {
      const state = states.next();
      if (state === undefined) return undefined;
      const bytes = encode(state);
      if (sent !== undefined && Buffer.compare(sent, bytes) === 0) return undefined;
      sent = bytes;
      return bytes;
    },
    [Symbol.dispose]: () => states[Symbol.dispose](),
  };
}
