import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  SyncRequestSchema,
  type SyncResponse,
  SyncResponseSchema,
} from '../../src/wire/gen/castellan/agent/v1/agent_pb.js';
import type { NodeIdentity } from './agent-client.ts';

export interface LightAgentOptions extends NodeIdentity {
  readonly port: number;
  readonly rootsPem: string;
  /** Where it connects from; one address may have so many connections. */
  readonly localAddress: string;
  readonly onAnswer: (answer: SyncResponse, agent: LightAgent) => void;
  /** The stream is over, by this gRPC status; undefined when the connection broke. */
  readonly onEnd?: (status: number | undefined, agent: LightAgent) => void;
  /** Reads nothing at all after this many bytes of answers. */
  readonly stopReading?: boolean;
}

/** An agent's stream with nothing around it: HTTP/2 by hand, so that a thousand of them fit into one process. */
export class LightAgent {
  readonly #options: LightAgentOptions;
  #session: ClientHttp2Session | undefined;
  #stream: ClientHttp2Stream | undefined;
  revision = '';
  #rest: Buffer = Buffer.alloc(0);

  constructor(options: LightAgentOptions) {
    this.#options = options;
  }

  /** Connects and says hello with what it holds. */
  open(): void {
    const { port, rootsPem, chainPem, privateKeyPem, localAddress, onEnd, stopReading } = this.#options;
    this.#rest = Buffer.alloc(0);
    let status: number | undefined;
    const session = connect(`https://localhost:${port}`, {
      createConnection: () =>
        connectTls({
          socket: connectTcp({ host: '127.0.0.1', port, localAddress }),
          servername: 'localhost',
          ca: rootsPem,
          cert: chainPem,
          key: privateKeyPem,
          ALPNProtocols: ['h2'],
        }),
    });
    this.#session = session;
    session.on('error', () => undefined);
    session.once('close', () => onEnd?.(status, this));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/castellan.agent.v1.AgentService/Sync',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#stream = stream;
    stream.on('error', () => undefined);
    const readStatus = (headers: Readonly<Record<string, unknown>>) => {
      if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status']);
    };
    stream.on('response', readStatus);
    stream.on('trailers', readStatus);
    if (stopReading === true) stream.pause();
    else stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.once('end', () => stream.end());
    stream.once('close', () => session.close());
    this.send({
      message: { case: 'hello', value: { agentVersion: 'light', resumeRevision: this.revision } },
    });
  }

  send(request: MessageInitShape<typeof SyncRequestSchema>): void {
    const body = toBinary(SyncRequestSchema, create(SyncRequestSchema, request));
    const frame = Buffer.alloc(5 + body.length);
    frame.writeUInt32BE(body.length, 1);
    frame.set(body, 5);
    this.#stream?.write(frame);
  }

  close(): void {
    this.#session?.destroy();
  }

  #take(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 5) {
      const end = 5 + this.#rest.readUInt32BE(1);
      if (this.#rest.length < end) return;
      const answer = fromBinary(SyncResponseSchema, this.#rest.subarray(5, end));
      this.#rest = this.#rest.subarray(end);
      this.revision = answer.revision;
      this.#options.onAnswer(answer, this);
    }
  }
}
