import { create, fromBinary, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { type ChannelCredentials, Client, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemRandom } from '../../src/adapters/system/random.ts';
import { createJoinToken } from '../../src/operations/create-join-token.ts';
import {
  type AttestAccepted,
  AttestRequestSchema,
  AttestResponseSchema,
  type AttestStartSchema,
  MintJwtSvidRequestSchema,
  type MintJwtSvidResponse,
  MintJwtSvidResponseSchema,
  RenewNodeRequestSchema,
  RenewNodeResponseSchema,
  ShipDecisionsRequestSchema,
  SyncRequestSchema,
  type SyncResponse,
  SyncResponseSchema,
} from '../../src/wire/gen/castellan/agent/v1/agent_pb.js';
import { formatCertificatePem } from '../../src/x509/index.ts';
import type { Castellan } from './castellan.ts';
import { makeCsr } from './foreign-pki.ts';
import { tlsCredentials } from './istio-client.ts';

const service = '/castellan.agent.v1.AgentService';

export interface NodeIdentity {
  readonly chainPem: string;
  readonly privateKeyPem: string;
}

type Start = MessageInitShape<typeof AttestStartSchema>;
export type Evidence = NonNullable<Start['evidence']>;
type SyncRequestInit = MessageInitShape<typeof SyncRequestSchema>;

/** What any agent makes of the agent service: grpc-js, nothing of the product but the message types. */
export class AgentClient implements Disposable {
  readonly #client: Client;

  constructor(address: string, channel: ChannelCredentials) {
    this.#client = new Client(address, channel, {
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.ssl_target_name_override': 'localhost',
      'grpc.default_authority': 'localhost',
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  /** One attestation; `prove` answers challenges. */
  async attest(
    start: Start,
    prove: (nonce: Uint8Array) => Uint8Array = () => new Uint8Array(),
  ): Promise<AttestAccepted> {
    const call = this.#open(`${service}/Attest`, AttestRequestSchema, AttestResponseSchema);
    const answers = new Answers<MessageShape<typeof AttestResponseSchema>>(call);
    call.write(create(AttestRequestSchema, { step: { case: 'start', value: start } }));
    for (;;) {
      const { step } = await answers.next();
      if (step.case === 'accepted') {
        call.end();
        return step.value;
      }
      if (step.case !== 'challenge') throw new Error('an answer without a step');
      const value = prove(step.value.nonce);
      call.write(create(AttestRequestSchema, { step: { case: 'challengeResponse', value } }));
    }
  }

  sync(hello: { readonly resumeRevision?: string; readonly wantsPolicy?: boolean } = {}): SyncStream {
    const call = this.#open(`${service}/Sync`, SyncRequestSchema, SyncResponseSchema);
    const send = (request: SyncRequestInit) => call.write(create(SyncRequestSchema, request));
    send({ message: { case: 'hello', value: { agentVersion: 'test', ...hello } } });
    return new SyncStream(call, send);
  }

  mint(request: MessageInitShape<typeof MintJwtSvidRequestSchema>): Promise<MintJwtSvidResponse> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `${service}/MintJwtSvid`,
        (message: MessageShape<typeof MintJwtSvidRequestSchema>) =>
          Buffer.from(toBinary(MintJwtSvidRequestSchema, message)),
        (bytes) => fromBinary(MintJwtSvidResponseSchema, bytes),
        create(MintJwtSvidRequestSchema, request),
        (error, answer) => {
          if (answer === undefined) reject(error ?? new Error('no answer'));
          else resolve(answer);
        },
      );
    });
  }

  ship(
    recordsJson: readonly Uint8Array[],
    dropped = 0,
    trafficJson: readonly Uint8Array[] = [],
  ): Promise<void> {
    const shipped = {
      recordsJson: [...recordsJson],
      dropped: BigInt(dropped),
      trafficJson: [...trafficJson],
    };
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `${service}/ShipDecisions`,
        (message: MessageShape<typeof ShipDecisionsRequestSchema>) =>
          Buffer.from(toBinary(ShipDecisionsRequestSchema, message)),
        (bytes) => bytes,
        create(ShipDecisionsRequestSchema, shipped),
        (error) => (error ? reject(error) : resolve()),
      );
    });
  }

  renew(csrDer: Uint8Array): Promise<readonly Uint8Array[]> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `${service}/RenewNode`,
        (message: MessageShape<typeof RenewNodeRequestSchema>) =>
          Buffer.from(toBinary(RenewNodeRequestSchema, message)),
        (bytes) => fromBinary(RenewNodeResponseSchema, bytes),
        create(RenewNodeRequestSchema, { csrDer }),
        (error, answer) => (error ? reject(error) : resolve(answer?.chainDer ?? [])),
      );
    });
  }

  #open<
    I extends typeof AttestRequestSchema | typeof SyncRequestSchema,
    O extends typeof AttestResponseSchema | typeof SyncResponseSchema,
  >(path: string, input: I, output: O): ClientDuplexStream<MessageShape<I>, MessageShape<O>> {
    return this.#client.makeBidiStreamRequest<MessageShape<I>, MessageShape<O>>(
      path,
      (message) => Buffer.from(toBinary(input, message)),
      (bytes) => fromBinary(output, bytes),
    );
  }
}

/** The answers of a stream one by one; rejects with the status once the stream has failed. */
class Answers<T> {
  readonly #waiting: T[] = [];
  #takers: { resolve: (value: T) => void; reject: (error: Error) => void }[] = [];
  #end: Error | undefined;

  constructor(call: NodeJS.EventEmitter) {
    call.on('data', (value: T) => {
      const taker = this.#takers.shift();
      if (taker === undefined) this.#waiting.push(value);
      else taker.resolve(value);
    });
    call.on('error', (error: Error) => this.#fail(error));
    call.on('end', () => this.#fail(new Error('the stream ended')));
  }

  next(): Promise<T> {
    const first = this.#waiting.shift();
    if (first !== undefined) return Promise.resolve(first);
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }

  #fail(error: Error): void {
    // The status comes after the end: it says more.
    if (this.#end === undefined || 'code' in error) this.#end = error;
    const takers = this.#takers;
    if (!('code' in error)) return;
    this.#takers = [];
    for (const taker of takers) taker.reject(error);
  }
}

export class SyncStream {
  readonly #call: { cancel(): void; pause(): unknown };
  readonly #answers: Answers<SyncResponse>;
  readonly send: (request: SyncRequestInit) => void;

  constructor(
    call: ClientDuplexStream<MessageShape<typeof SyncRequestSchema>, SyncResponse>,
    send: (request: SyncRequestInit) => void,
  ) {
    this.#call = call;
    this.#answers = new Answers<SyncResponse>(call);
    this.send = send;
  }

  next(): Promise<SyncResponse> {
    return this.#answers.next();
  }

  /** The first answer that holds what is wanted. */
  async until(wanted: (answer: SyncResponse) => boolean): Promise<SyncResponse> {
    for (;;) {
      const answer = await this.next();
      if (wanted(answer)) return answer;
    }
  }

  /** The status that the stream ends in. */
  async ended(): Promise<ServiceError> {
    try {
      for (;;) await this.next();
    } catch (error) {
      return error as ServiceError;
    }
  }

  cancel(): void {
    this.#call.cancel();
  }
}

/** A client with or without a node SVID. */
export function agentClient(ca: Castellan, identity?: NodeIdentity): AgentClient {
  return new AgentClient(ca.address, tlsCredentials({ rootsPem: ca.rootsPem(), ...identity }));
}

export interface JoinedAgent extends NodeIdentity {
  readonly id: string;
  readonly accepted: AttestAccepted;
}

/** Makes a join token for an agent as an operator does, and joins with it. */
export async function joinAgent(ca: Castellan, name: string): Promise<JoinedAgent> {
  const joinToken = await agentToken(ca, name);
  return attestWith(ca, { case: 'joinToken', value: joinToken });
}

export async function attestWith(
  ca: Castellan,
  evidence: Evidence,
  prove?: (nonce: Uint8Array, csrDer: Uint8Array) => Uint8Array,
): Promise<JoinedAgent> {
  using client = agentClient(ca);
  const csr = await makeCsr({});
  const accepted = await client.attest(
    { csrDer: csr.der, agentVersion: 'test', evidence },
    prove === undefined ? undefined : (nonce) => prove(nonce, csr.der),
  );
  return {
    id: accepted.agentId,
    accepted,
    ...asIdentity(accepted.chainDer, csr.privateKeyPem),
  };
}

export function asIdentity(chainDer: readonly Uint8Array[], privateKeyPem: string): NodeIdentity {
  return { chainPem: chainDer.map(formatCertificatePem).join(''), privateKeyPem };
}

export async function agentToken(ca: Castellan, name: string): Promise<string> {
  const { store, authority } = ca.server.state;
  const made = await createJoinToken(
    {
      joinTokens: store.joinTokens,
      trustDomain: authority.trustDomain,
      clock: systemClock,
      random: systemRandom,
    },
    { name: 'test', method: 'local', role: 'admin', requestId: 'test' },
    { agent: name },
  );
  return made.token.reveal();
}
