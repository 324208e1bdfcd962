import type { KeyObject } from 'node:crypto';
import { create, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { type Attested, agentErrors, type NodeAttestation } from '../../agent/index.ts';
import { proofMessage, signProof } from '../../identity/index.ts';
import {
  AgentService,
  AttestRequestSchema,
  AttestResponseSchema,
  type AttestStart,
} from '../../wire/gen/castellan/agent/v1/agent_pb.js';
import { decodeGrpcError } from '../../wire/grpc/error-codec.ts';
import type { ServerChannel, UnaryMethod } from './channel.ts';
import { readBundle } from './decode.ts';

/** What a node proves itself with. Secrets are read when they are used, and not kept. */
export type NodeEvidence =
  | { readonly method: 'join_token'; readonly readToken: () => string | Promise<string> }
  | {
      readonly method: 'x509pop';
      readonly read: () => { readonly chainDer: readonly Uint8Array[]; readonly key: KeyObject };
    }
  | { readonly method: 'k8s_sat'; readonly readToken: () => string | Promise<string> };

const method: UnaryMethod<typeof AttestRequestSchema, typeof AttestResponseSchema> = {
  path: `/${AgentService.typeName}/Attest`,
  input: AttestRequestSchema,
  output: AttestResponseSchema,
};
const attestMs = 30_000;
const maxChallenges = 4;

type Stream = ClientDuplexStream<
  MessageShape<typeof AttestRequestSchema>,
  MessageShape<typeof AttestResponseSchema>
>;

/** Node attestation as the agent speaks it: start, answers to challenges, accepted. */
export function attestation(
  channel: ServerChannel,
  evidence: NodeEvidence,
  agentVersion: string,
): NodeAttestation {
  return {
    isRepeatable: evidence.method !== 'join_token',
    async attest(csrDer, signal) {
      signal.throwIfAborted();
      const shown = await readEvidence(evidence);
      const stream = channel.stream(method, attestMs);
      const onAbort = () => stream.cancel();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        const start = { csrDer, agentVersion, evidence: shown.start };
        return await converse(stream, start, shown.key);
      } finally {
        signal.removeEventListener('abort', onAbort);
        stream.cancel();
      }
    },
  };
}

type Step = NonNullable<MessageInitShape<typeof AttestRequestSchema>['step']>;

interface Start {
  readonly csrDer: Uint8Array;
  readonly agentVersion: string;
  readonly evidence: AttestStart['evidence'];
}

interface Shown {
  readonly start: AttestStart['evidence'];
  readonly key?: KeyObject;
}

async function readEvidence(evidence: NodeEvidence): Promise<Shown> {
  switch (evidence.method) {
    case 'join_token':
      return { start: { case: 'joinToken', value: await evidence.readToken() } };
    case 'k8s_sat':
      return { start: { case: 'k8sSat', value: await evidence.readToken() } };
    case 'x509pop': {
      const { chainDer, key } = evidence.read();
      const value = { $typeName: 'castellan.agent.v1.X509Pop' as const, chainDer: [...chainDer] };
      return { start: { case: 'x509Pop', value }, key };
    }
  }
}

function converse(stream: Stream, start: Start, key: KeyObject | undefined): Promise<Attested> {
  const send = (step: Step) => void stream.write(create(AttestRequestSchema, { step }));
  return new Promise((resolve, reject) => {
    let challenges = 0;
    stream.on('data', ({ step }: MessageShape<typeof AttestResponseSchema>) => {
      if (step.case === 'accepted') {
        const { agentId, chainDer, bundle } = step.value;
        if (bundle === undefined) reject(refused('it sends no bundle'));
        else resolve({ agentId, chainDer, bundle: readBundle(bundle) });
      } else if (step.case === 'challenge' && key !== undefined && challenges++ < maxChallenges)
        send({
          case: 'challengeResponse',
          value: signProof(key, proofMessage(step.value.nonce, start.csrDer)),
        });
      else reject(refused('it asks for something that this node cannot show'));
    });
    stream.on('error', (error: ServiceError) => reject(decodeGrpcError(error)));
    stream.on('end', () => reject(refused('it ended the call without an answer')));
    send({ case: 'start', value: start });
  });
}

function refused(why: string): Error {
  return agentErrors.SERVER_ANSWER_REFUSED({ message: `the server does not attest this node: ${why}` });
}
