import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { Metadata } from '@grpc/grpc-js';
import type { WorkloadAccess, WorkloadSession } from '../../agent/index.ts';
import type { Clock } from '../../base/clock.ts';
import { type Random, ulid } from '../../base/random.ts';
import { abortable } from '../../base/waiting.ts';
import type { SpanWatch } from '../../operations/tracing/index.ts';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../wire/gen/envoy/service/discovery/v3/discovery_pb.js';
import { SecretDiscoveryService } from '../../wire/gen/envoy/service/secret/v3/sds_pb.js';
import type { ConnectionTable } from '../../wire/grpc/connections.ts';
import {
  type Conversation,
  conversation,
  type PushOptions,
  type StreamCall,
} from '../../wire/grpc/push-stream.ts';
import { requestIdTrailer } from '../../wire/grpc/request-id.ts';
import type { GrpcDoor } from '../../wire/grpc/server.ts';
import { grpcServiceOfBytes } from '../../wire/grpc/service.ts';
import { decodeMessage, type UnaryCall, unary } from '../../wire/grpc/unary.ts';
import { AvailableFeed } from './available-feed.ts';
import { Delta } from './delta.ts';
import { sdsErrors } from './errors.ts';
import { watchPushes } from './pushes.ts';
import type { SecretWords } from './secret-name.ts';
import type { Available } from './secret-source.ts';
import { type Nack, StateOfTheWorld, type StateOfTheWorldAnswer } from './state-of-the-world.ts';

export interface SdsParts {
  readonly access: WorkloadAccess;
  readonly connections: ConnectionTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly push: PushOptions;
  readonly onNack: (nack: Nack) => void;
  /** Undefined where nobody wants traces. */
  readonly spans?: SpanWatch | undefined;
  readonly words: SecretWords;
  /** Everything is sent again this often; 0: only what changes. */
  readonly repushMs: number;
}

/** `envoy.service.secret.v3.SecretDiscoveryService`, all three calls, on the socket of the Workload API. */
export function sdsDoor(parts: SdsParts): GrpcDoor {
  const { push, onNack, words, spans } = parts;
  const open = async <I extends DescMessage, O extends DescMessage>(
    call: StreamCall,
    subscription: Subscription<I, O>,
    schemas: { readonly request: I; readonly answer: O },
  ): Promise<Conversation> => {
    const session = await identify(parts, call);
    const feed = new AvailableFeed(parts.access, session, () => call.wake());
    const repetition = repeating(parts, () => {
      subscription.repeat();
      call.wake();
    });
    return {
      receive(message) {
        subscription.receive(decodeMessage(schemas.request, message));
        call.wake();
      },
      next() {
        const answer = subscription.next(feed.current());
        return answer && toBinary(schemas.answer, create(schemas.answer, answer));
      },
      [Symbol.dispose]() {
        repetition[Symbol.dispose]();
        feed[Symbol.dispose]();
      },
    };
  };
  return {
    definition: grpcServiceOfBytes(SecretDiscoveryService),
    implementation: {
      streamSecrets: conversation(push, (call) =>
        open(call, watchPushes(new StateOfTheWorld(onNack, words), call, spans), {
          request: DiscoveryRequestSchema,
          answer: DiscoveryResponseSchema,
        }),
      ),
      deltaSecrets: conversation(push, (call) =>
        open(call, watchPushes(new Delta(onNack, words), call, spans), {
          request: DeltaDiscoveryRequestSchema,
          answer: DeltaDiscoveryResponseSchema,
        }),
      ),
      fetchSecrets: unary(DiscoveryRequestSchema, async (request, call) => {
        const session = await identify(parts, call);
        return create(
          DiscoveryResponseSchema,
          await fetchOnce(parts, session, { request, signal: call.signal }),
        );
      }),
    },
  };
}

interface Subscription<I extends DescMessage, O extends DescMessage> {
  receive(request: MessageShape<I>): void;
  next(available: Available): MessageInitShape<O> | undefined;
  repeat(): void;
}

interface AnyCall extends Pick<StreamCall & UnaryCall, 'connectionId'> {
  readonly trailers: Metadata;
}

async function identify(parts: SdsParts, call: AnyCall): Promise<WorkloadSession> {
  const requestId = ulid(parts.clock.now(), parts.random);
  call.trailers.set(requestIdTrailer, requestId);
  const process = parts.connections.find(call.connectionId)?.process;
  return await parts.access.open({ process, requestId });
}

function repeating({ clock, repushMs }: SdsParts, run: () => void): Disposable {
  if (repushMs <= 0) return { [Symbol.dispose]: () => undefined };
  let timer: Disposable;
  const arm = () => {
    timer = clock.schedule(repushMs, () => {
      run();
      arm();
    });
  };
  arm();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

/** What there is of the names, as soon as the workload's certificates are there or late. */
async function fetchOnce(
  { access, onNack, words }: SdsParts,
  session: WorkloadSession,
  { request, signal }: { readonly request: DiscoveryRequest; readonly signal: AbortSignal },
): Promise<StateOfTheWorldAnswer> {
  const subscription = new StateOfTheWorld(onNack, words);
  // One call has no response before it.
  subscription.receive({ ...request, responseNonce: '' });
  let wake: () => void = () => undefined;
  using feed = new AvailableFeed(access, session, () => wake());
  for (;;) {
    const available = feed.current();
    if (available.isComplete || available.trouble !== undefined) {
      const answer = subscription.next(available);
      if (answer !== undefined) return answer;
      throw available.trouble ?? sdsErrors.SDS_NOTHING_FOUND();
    }
    await abortable(
      new Promise<void>((resolve) => {
        wake = resolve;
      }),
      signal,
    );
  }
}
