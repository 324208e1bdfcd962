import { create } from '@bufbuild/protobuf';
import type { Clock } from '../../base/clock.ts';
import { type Random, ulid } from '../../base/random.ts';
import type { IssueSvid } from '../../operations/issue-svid/index.ts';
import { readTraceContext } from '../../operations/tracing/index.ts';
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  IstioCertificateResponseSchema,
  IstioCertificateService,
} from '../../wire/gen/istio/v1/auth/ca_pb.js';
import type { ConnectionTable } from '../../wire/grpc/connections.ts';
import { evidenceOf } from '../../wire/grpc/evidence.ts';
import { requestIdTrailer } from '../../wire/grpc/request-id.ts';
import type { GrpcDoor } from '../../wire/grpc/server.ts';
import { grpcService } from '../../wire/grpc/service.ts';
import { unary } from '../../wire/grpc/unary.ts';

/** Trailing metadata: the lifetime was cut to the end of the signer (D4). */
export const shortenedTrailer = 'x-castellan-lifetime-shortened';
/** Trailing metadata: the answer to an earlier request with the same idempotency key (D8). */
export const replayedTrailer = 'x-castellan-idempotent-replay';

export interface CsrDoorParts {
  readonly issue: IssueSvid;
  readonly connections: ConnectionTable;
  readonly clock: Clock;
  readonly random: Random;
}

/** `istio.v1.auth.IstioCertificateService`: decodes, calls `issueSvid`, encodes. */
export function csrDoor(parts: CsrDoorParts): GrpcDoor {
  return {
    definition: grpcService(IstioCertificateService),
    implementation: {
      createCertificate: unary(IstioCertificateRequestSchema, async (request, call) => {
        const requestId = ulid(parts.clock.now(), parts.random);
        call.trailers.set(requestIdTrailer, requestId);
        const reply = await parts.issue({
          csrPem: request.csr,
          validitySeconds: request.validityDuration,
          impersonatedIdentity: textMember(request.metadata, 'ImpersonatedIdentity'),
          idempotencyKeys: call.header('idempotency-key'),
          evidence: evidenceOf(call, parts.connections),
          requestId,
          trace: () => readTraceContext({ get: (name) => call.header(name) }),
          signal: call.signal,
        });
        if (reply.shortened) call.trailers.set(shortenedTrailer, 'true');
        if (reply.replayed) call.trailers.set(replayedTrailer, 'true');
        return create(IstioCertificateResponseSchema, { certChain: [...reply.chainPem] });
      }),
    },
  };
}

/** A member of the request's Struct: one that is no text, or is not there, is empty. `CertSigner` is not ours (S10). */
function textMember(struct: IstioCertificateRequest['metadata'], name: string): string {
  if (struct === undefined || !Object.hasOwn(struct, name)) return '';
  const value = struct[name];
  return typeof value === 'string' ? value : '';
}
