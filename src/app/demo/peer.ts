import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { ephemeralKeys } from '../../adapters/key-store/index.ts';
import {
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from '../../wire/gen/istio/v1/auth/ca_pb.js';
import { buildCsr, formatCsrPem, parseCertificatesPem } from '../../x509/index.ts';

interface Held {
  readonly chainPem: string;
  readonly privateKeyPem: string;
  readonly rootsPem: string;
  readonly renewAt: number;
}

export interface DoorOfCsrs {
  readonly address: string;
  /** What the first call trusts. */
  readonly rootsPem: string;
}

/**
 * A workload for the demonstration: it knows the CSR API and what its last chain told it, renews at half life with its
 * own certificate, and calls others over mutual TLS with a new handshake each time.
 */
export class DemoPeer implements AsyncDisposable {
  readonly name: string;
  requests = 0;
  readonly failures: string[] = [];
  readonly #door: DoorOfCsrs;
  readonly #server: Server;
  #held: Held;

  private constructor(name: string, door: DoorOfCsrs, held: Held) {
    this.name = name;
    this.#door = door;
    this.#held = held;
    this.#server = createServer({ ...this.#tls(), requestCert: true, rejectUnauthorized: true });
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      socket.on('error', () => undefined);
      socket.end('pong');
    });
    this.#server.on('tlsClientError', (error) =>
      this.failures.push(`${name} refused a client: ${error.message}`),
    );
  }

  static async start(name: string, door: DoorOfCsrs, joinToken: string): Promise<DemoPeer> {
    const peer = new DemoPeer(name, door, await fetchHeld(door, undefined, `Bearer ${joinToken}`));
    peer.#server.listen(0, '127.0.0.1');
    await once(peer.#server, 'listening');
    return peer;
  }

  /** Renews if it is time, then calls `other` once. */
  async turn(other: DemoPeer): Promise<void> {
    try {
      if (Date.now() >= this.#held.renewAt) {
        this.#held = await fetchHeld(this.#door, this.#held);
        this.#server.setSecureContext(this.#tls());
      }
      this.requests++;
      await exchange((other.#server.address() as AddressInfo).port, this.#tls());
    } catch (error) {
      this.failures.push(`${this.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
  }

  #tls() {
    const { chainPem, privateKeyPem, rootsPem } = this.#held;
    return { cert: chainPem, key: privateKeyPem, ca: rootsPem };
  }
}

async function fetchHeld(door: DoorOfCsrs, held?: Held, authorization?: string): Promise<Held> {
  const key = await ephemeralKeys.generate('P-256');
  const csr = formatCsrPem(await buildCsr(key.signer));
  const chain = await requestCertificate(door, csr, { held, authorization });
  const [leaf] = parseCertificatesPem(chain[0] ?? '');
  return {
    chainPem: chain.slice(0, -1).join(''),
    privateKeyPem: key.privateKeyPem,
    rootsPem: chain.at(-1) ?? '',
    renewAt: Date.now() + ((leaf?.notAfter ?? 0) - Date.now()) / 2,
  };
}

function requestCertificate(
  { address, rootsPem }: DoorOfCsrs,
  csr: string,
  { held, authorization }: { held: Held | undefined; authorization: string | undefined },
): Promise<readonly string[]> {
  const channel = credentials.createSsl(
    Buffer.from(held?.rootsPem ?? rootsPem),
    held === undefined ? null : Buffer.from(held.privateKeyPem),
    held === undefined ? null : Buffer.from(held.chainPem),
  );
  const client = new Client(address, channel, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.ssl_target_name_override': 'localhost',
    'grpc.default_authority': 'localhost',
  });
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  return new Promise<readonly string[]>((resolve, reject) => {
    client.makeUnaryRequest(
      '/istio.v1.auth.IstioCertificateService/CreateCertificate',
      (message: Uint8Array) => Buffer.from(message),
      (bytes): IstioCertificateResponse => fromBinary(IstioCertificateResponseSchema, bytes),
      toBinary(IstioCertificateRequestSchema, create(IstioCertificateRequestSchema, { csr })),
      metadata,
      { deadline: Date.now() + 10_000 },
      (error, answer) => (error ? reject(error) : resolve(answer?.certChain ?? [])),
    );
  }).finally(() => client.close());
}

function exchange(port: number, tls: { cert: string; key: string; ca: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const options = { ...tls, host: '127.0.0.1', port, checkServerIdentity: () => undefined };
    const socket = connect(options);
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => (text += part));
    socket.once('end', () => (text === 'pong' ? resolve() : reject(new Error('not the answer'))));
    socket.once('error', reject);
  });
}
