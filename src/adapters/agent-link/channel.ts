import { createSecureContext, type PeerCertificate } from 'node:tls';
import { type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
} from '@grpc/grpc-js';
import type { NodeIdentity } from '../../agent/index.ts';
import type { Clock } from '../../base/clock.ts';
import { baseErrors } from '../../base/errors.ts';
import { SpiffeId } from '../../spiffe/index.ts';
import { decodeGrpcError } from '../../wire/grpc/error-codec.ts';
import { formatCertificatePem, formatPem, parseCertificate } from '../../x509/index.ts';

export interface ServerAddress {
  /** `host:port` of the CSR listener. */
  readonly target: string;
  /** Who must answer there, whatever its name in DNS. */
  readonly serverId: SpiffeId;
}

export interface UnaryMethod<I extends DescMessage, O extends DescMessage> {
  readonly path: string;
  readonly input: I;
  readonly output: O;
}

const maxAnswerBytes = 64 * 1024 * 1024;
const callMs = 15_000;
/** A connection that was exchanged stays open for the calls on it. */
const lingerMs = 30_000;

/** A connection to the server, as the node that we are now. Exchanged when identity or roots change. */
export class ServerChannel implements Disposable {
  readonly #address: ServerAddress;
  readonly #clock: Clock;
  #rootsDer: readonly Uint8Array[] = [];
  #identity: NodeIdentity | undefined;
  #client: Client | undefined;
  readonly #lingering = new Map<Client, Disposable>();

  constructor(address: ServerAddress, clock: Clock) {
    this.#address = address;
    this.#clock = clock;
  }

  useRoots(rootsDer: readonly Uint8Array[]): void {
    const isSame =
      rootsDer.length === this.#rootsDer.length &&
      rootsDer.every((der, i) => Buffer.compare(der, this.#rootsDer[i] ?? new Uint8Array(0)) === 0);
    if (isSame) return;
    this.#rootsDer = rootsDer;
    this.#exchange();
  }

  useIdentity(identity: NodeIdentity | undefined): void {
    this.#identity = identity;
    this.#exchange();
  }

  [Symbol.dispose](): void {
    this.#client?.close();
    for (const [client, timer] of this.#lingering) {
      timer[Symbol.dispose]();
      client.close();
    }
    this.#lingering.clear();
  }

  async call<I extends DescMessage, O extends DescMessage>(
    method: UnaryMethod<I, O>,
    request: MessageShape<I>,
    signal: AbortSignal,
  ): Promise<MessageShape<O>> {
    signal.throwIfAborted();
    return await new Promise((resolve, reject) => {
      const call = this.#current().makeUnaryRequest<MessageShape<I>, MessageShape<O>>(
        method.path,
        (message) => Buffer.from(toBinary(method.input, message)),
        (bytes) => fromBinary(method.output, bytes),
        request,
        new Metadata(),
        { deadline: Date.now() + callMs },
        (error, answer) => {
          signal.removeEventListener('abort', onAbort);
          if (error !== null) reject(decodeGrpcError(error));
          else if (answer === undefined) reject(baseErrors.INTERNAL());
          else resolve(answer);
        },
      );
      const onAbort = () => call.cancel();
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: UnaryMethod<I, O>,
    deadlineMs?: number,
  ): ClientDuplexStream<MessageShape<I>, MessageShape<O>> {
    return this.#current().makeBidiStreamRequest<MessageShape<I>, MessageShape<O>>(
      method.path,
      (message) => Buffer.from(toBinary(method.input, message)),
      (bytes) => fromBinary(method.output, bytes),
      new Metadata(),
      deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
    );
  }

  #current(): Client {
    this.#client ??= new Client(this.#address.target, this.#credentials(), {
      'grpc.max_receive_message_length': maxAnswerBytes,
      'grpc.enable_retries': 0,
      // An address is no server name. Who answers is judged by SPIFFE ID, so any name will do.
      'grpc.ssl_target_name_override': 'castellan',
      'grpc.use_local_subchannel_pool': 1,
      'grpc.keepalive_time_ms': 20_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.keepalive_permit_without_calls': 1,
      // The agent has its own back-off; the channel's would hide from it that the server is back.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
    });
    return this.#client;
  }

  #exchange(): void {
    const old = this.#client;
    this.#client = undefined;
    if (old === undefined) return;
    const close = () => {
      this.#lingering.delete(old);
      old.close();
    };
    this.#lingering.set(old, this.#clock.schedule(lingerMs, close));
  }

  #credentials(): ChannelCredentials {
    const identity = this.#identity;
    const context = createSecureContext({
      ca: this.#rootsDer.map(formatCertificatePem),
      minVersion: 'TLSv1.3',
      ...(identity === undefined
        ? {}
        : {
            cert: identity.chainDer.map(formatCertificatePem).join(''),
            key: formatPem('PRIVATE KEY', identity.privateKeyPkcs8),
          }),
    });
    const { serverId } = this.#address;
    return credentials.createFromSecureContext(context, {
      checkServerIdentity: (_host: string, peer: PeerCertificate) => checkServer(peer, serverId),
    });
  }
}

/** The chain was verified by then: what is left to ask is whether it is the server and not one of its workloads. */
function checkServer(peer: PeerCertificate, serverId: SpiffeId): Error | undefined {
  try {
    const uris = parseCertificate(new Uint8Array(peer.raw)).san?.uris ?? [];
    if (uris.length === 1 && SpiffeId.tryParse(uris[0] ?? '')?.equals(serverId) === true) return undefined;
    return new Error(`the far end is \`${uris.join(' ').slice(0, 200)}\`, not \`${serverId.uri}\``);
  } catch (error) {
    return error as Error;
  }
}
