import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { ServiceError } from '@grpc/grpc-js';
import type { NodeReport, ServerLink, SyncListener, SyncStream } from '../../agent/index.ts';
import { baseErrors } from '../../base/errors.ts';
import {
  AgentService,
  MintJwtSvidRequestSchema,
  MintJwtSvidResponseSchema,
  RenewNodeRequestSchema,
  RenewNodeResponseSchema,
  SyncRequestSchema,
  SyncResponseSchema,
} from '../../wire/gen/castellan/agent/v1/agent_pb.js';
import {
  IstioCertificateRequestSchema,
  IstioCertificateResponseSchema,
  IstioCertificateService,
} from '../../wire/gen/istio/v1/auth/ca_pb.js';
import { decodeGrpcError } from '../../wire/grpc/error-codec.ts';
import type { ServerChannel, UnaryMethod } from './channel.ts';
import { readUpdate } from './decode.ts';

const pathOf = (service: { readonly typeName: string }, method: string) => `/${service.typeName}/${method}`;

const createCertificate: UnaryMethod<
  typeof IstioCertificateRequestSchema,
  typeof IstioCertificateResponseSchema
> = {
  path: pathOf(IstioCertificateService, 'CreateCertificate'),
  input: IstioCertificateRequestSchema,
  output: IstioCertificateResponseSchema,
};
const renewNode: UnaryMethod<typeof RenewNodeRequestSchema, typeof RenewNodeResponseSchema> = {
  path: pathOf(AgentService, 'RenewNode'),
  input: RenewNodeRequestSchema,
  output: RenewNodeResponseSchema,
};
const mintJwtSvid: UnaryMethod<typeof MintJwtSvidRequestSchema, typeof MintJwtSvidResponseSchema> = {
  path: pathOf(AgentService, 'MintJwtSvid'),
  input: MintJwtSvidRequestSchema,
  output: MintJwtSvidResponseSchema,
};
const sync: UnaryMethod<typeof SyncRequestSchema, typeof SyncResponseSchema> = {
  path: pathOf(AgentService, 'Sync'),
  input: SyncRequestSchema,
  output: SyncResponseSchema,
};

/** The server over gRPC. Certificates come by CreateCertificate, as everybody's do (D25). */
export function serverLink(channel: ServerChannel, agentVersion: string): ServerLink {
  return {
    useIdentity: (identity) => channel.useIdentity(identity),
    useRoots: (rootsDer) => channel.useRoots(rootsDer),
    async issue({ spiffeId, csrPem, ttlSeconds }, signal) {
      const request = create(IstioCertificateRequestSchema, {
        csr: csrPem,
        validityDuration: BigInt(ttlSeconds),
        metadata: { ImpersonatedIdentity: spiffeId.uri },
      });
      return (await channel.call(createCertificate, request, signal)).certChain;
    },
    async mint({ spiffeId, audiences }, signal) {
      const request = create(MintJwtSvidRequestSchema, { spiffeId: spiffeId.uri, audiences: [...audiences] });
      const { token, issuedAtMs, expiresAtMs } = await channel.call(mintJwtSvid, request, signal);
      return { token, issuedAt: Number(issuedAtMs), expiresAt: Number(expiresAtMs) };
    },
    async renewNode(csrDer, signal) {
      const request = create(RenewNodeRequestSchema, { csrDer });
      return (await channel.call(renewNode, request, signal)).chainDer;
    },
    openSync: (hello, listener) => openSync(channel, { ...hello, agentVersion }, listener),
  };
}

function openSync(
  channel: ServerChannel,
  hello: { readonly resumeRevision: string; readonly wantsPolicy: boolean; readonly agentVersion: string },
  listener: SyncListener,
): SyncStream {
  const stream = channel.stream(sync);
  let isOver = false;
  const end = (error: ServiceError | undefined) => {
    if (isOver) return;
    isOver = true;
    listener.ended(error === undefined ? baseErrors.CANCELLED() : decodeGrpcError(error));
  };
  stream.on('metadata', () => {
    if (!isOver) listener.opened();
  });
  stream.on('data', (answer: Parameters<typeof readUpdate>[0]) => {
    if (!isOver) listener.answer(readUpdate(answer));
  });
  stream.on('error', (error: ServiceError) => end(error));
  stream.on('end', () => end(undefined));
  const send = (message: MessageInitShape<typeof SyncRequestSchema>['message']) => {
    if (message !== undefined && !isOver) stream.write(create(SyncRequestSchema, { message }));
  };
  send({ case: 'hello', value: hello });
  return {
    report: (report) => send({ case: 'report', value: toReport(report) }),
    [Symbol.dispose]() {
      isOver = true;
      stream.cancel();
    },
  };
}

function toReport(report: NodeReport) {
  return {
    revision: report.revision,
    refused: report.refused.slice(0, 1_024),
    policyRevision: report.policyRevision,
    bundleSequences: Object.fromEntries(report.bundleSequences),
    endedSerials: [...report.endedSerials],
    wantedKeySets: [...report.wantedKeySets],
    svids: report.began.map(({ spiffeId, serial, issuerKeyId, notAfter }) => ({
      spiffeId,
      serial,
      issuerKeyId,
      notAfterMs: BigInt(notAfter),
    })),
  };
}
