import { create } from '@bufbuild/protobuf';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { HealthBoard } from '../../operations/health-board.ts';
import {
  Health,
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthListRequestSchema,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../wire/gen/grpc/health/v1/health_pb.js';
import { encodeGrpcError } from '../../wire/grpc/error-codec.ts';
import type { GrpcDoor } from '../../wire/grpc/server.ts';
import { grpcService } from '../../wire/grpc/service.ts';
import { decodeMessage, unary } from '../../wire/grpc/unary.ts';
import { healthErrors } from './errors.ts';

/** What a balancer asks for when it means the certificate authority. */
export const caServiceName = 'castellan.ca';

const maxWatchers = 256;

function answer(serving: boolean | undefined): HealthCheckResponse {
  const status = serving === undefined ? ServingStatus.SERVICE_UNKNOWN : statusOf(serving);
  return create(HealthCheckResponseSchema, { status });
}

const statusOf = (serving: boolean) => (serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);

/** `grpc.health.v1.Health`; says nothing that `/readyz` does not say. */
export function healthDoor(board: HealthBoard): GrpcDoor {
  let watchers = 0;
  const watch = (call: ServerWritableStream<Buffer, HealthCheckResponse>): void => {
    if (watchers >= maxWatchers) throw healthErrors.TOO_MANY_WATCHERS();
    const { service } = decodeMessage(HealthCheckRequestSchema, call.request);
    watchers++;
    const subscription = board.watch((name, serving) => {
      if (name === service) call.write(answer(serving));
    });
    call.once('cancelled', () => {
      watchers--;
      subscription[Symbol.dispose]();
    });
    call.write(answer(board.isServing(service)));
  };
  return {
    definition: grpcService(Health),
    implementation: {
      check: unary(HealthCheckRequestSchema, async ({ service }) => {
        const serving = board.isServing(service);
        if (serving === undefined) throw healthErrors.SERVICE_UNKNOWN();
        return answer(serving);
      }),
      list: unary(HealthListRequestSchema, async () => {
        const statuses = board.services().map((name) => [name, answer(board.isServing(name))] as const);
        return create(HealthListResponseSchema, { statuses: Object.fromEntries(statuses) });
      }),
      watch: (call: ServerWritableStream<Buffer, HealthCheckResponse>) => {
        try {
          watch(call);
        } catch (error) {
          call.emit('error', encodeGrpcError(error));
        }
      },
    },
  };
}
