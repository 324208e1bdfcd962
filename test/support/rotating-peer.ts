import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemRandom } from '../../src/adapters/system/random.ts';
import { createJoinToken } from '../../src/operations/create-join-token.ts';
import { parseCertificatesPem } from '../../src/x509/index.ts';
import type { Castellan } from './castellan.ts';
import { makeCsr } from './foreign-pki.ts';
import { IstioClient, tlsCredentials } from './istio-client.ts';

interface Held {
  readonly chainPem: string;
  readonly privateKeyPem: string;
  readonly rootsPem: string;
  readonly renewAt: number;
}

export interface Failure {
  readonly peer: string;
  readonly what: string;
}

/**
 * A workload that knows what its last chain told it and nothing else: it renews at half of its life with its own
 * certificate, serves mutual TLS, and calls others with a new handshake each time. Every failure is kept.
 */
export class RotatingPeer implements AsyncDisposable {
  readonly name: string;
  readonly failures: Failure[] = [];
  readonly #ca: Castellan;
  readonly #server: Server;
  #held: Held;
  #renewing: Promise<void> | undefined;
  requests = 0;
  renewals = 0;

  private constructor(ca: Castellan, name: string, held: Held) {
    this.#ca = ca;
    this.name = name;
    this.#held = held;
    this.#server = createServer({ ...this.#tls(), requestCert: true, rejectUnauthorized: true });
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      socket.on('error', () => undefined);
      socket.end('pong');
    });
    this.#server.on('tlsClientError', (error) => this.#fail(`refused a client: ${error.message}`));
  }

  static async start(ca: Castellan, name: string): Promise<RotatingPeer> {
    const { store, authority } = ca.server.state;
    const { token } = await createJoinToken(
      {
        joinTokens: store.joinTokens,
        trustDomain: authority.trustDomain,
        clock: systemClock,
        random: systemRandom,
      },
      { name: 'test', method: 'local', role: 'admin', requestId: 'test' },
      { spiffeId: `spiffe://${authority.trustDomain}/ns/shop/sa/${name}` },
    );
    const headers = { authorization: `Bearer ${token.reveal()}` };
    const held = await fetchHeld(ca, { rootsPem: ca.rootsPem() }, headers);
    const peer = new RotatingPeer(ca, name, held);
    peer.#server.listen(0, '127.0.0.1');
    await once(peer.#server, 'listening');
    return peer;
  }

  get rootsKnown(): number {
    return parseCertificatesPem(this.#held.rootsPem).length;
  }

  /** The root above the certificate in use, by what the chain says of its intermediate. */
  get issuer(): string {
    const [, intermediate] = parseCertificatesPem(this.#held.chainPem);
    return Buffer.from(intermediate?.authorityKeyId ?? []).toString('hex');
  }

  /** Renews when it is time; a failed renewal counts and is tried again. */
  async tick(): Promise<void> {
    if (Date.now() < this.#held.renewAt) return;
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    await this.#renewing;
  }

  async call(other: RotatingPeer): Promise<void> {
    this.requests++;
    const { port } = other.#server.address() as AddressInfo;
    try {
      const answer = await exchange(port, this.#tls());
      if (answer !== 'pong') this.#fail(`got \`${answer}\` from ${other.name}`);
    } catch (error) {
      this.#fail(`call to ${other.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#renewing;
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #renew(): Promise<void> {
    try {
      const { rootsPem, chainPem, privateKeyPem } = this.#held;
      this.#held = await fetchHeld(this.#ca, { rootsPem, chainPem, privateKeyPem });
      this.#server.setSecureContext(this.#tls());
      this.renewals++;
    } catch (error) {
      this.#fail(`renewal: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #fail(what: string): void {
    this.failures.push({ peer: this.name, what });
  }

  #tls() {
    const { chainPem, privateKeyPem, rootsPem } = this.#held;
    return { cert: chainPem, key: privateKeyPem, ca: rootsPem };
  }
}

async function fetchHeld(
  ca: Castellan,
  tls: Parameters<typeof tlsCredentials>[0],
  headers: Readonly<Record<string, string>> = {},
): Promise<Held> {
  using client = new IstioClient(ca.address, tlsCredentials(tls));
  const csr = await makeCsr();
  const { chain } = await client.create({ csr: csr.pem }, headers);
  const [leaf] = parseCertificatesPem(chain[0] ?? '');
  const left = (leaf?.notAfter ?? 0) - Date.now();
  return {
    chainPem: chain.slice(0, -1).join(''),
    privateKeyPem: csr.privateKeyPem,
    rootsPem: chain.at(-1) ?? '',
    renewAt: Date.now() + left / 2,
  };
}

function exchange(port: number, tls: { cert: string; key: string; ca: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({
      ...tls,
      host: '127.0.0.1',
      port,
      // The name is a SPIFFE ID, which the chain vouches for; there is no DNS name to compare.
      checkServerIdentity: () => undefined,
    });
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => (text += part));
    socket.once('end', () => resolve(text));
    socket.once('error', reject);
  });
}
