/** A server as an agent sees it: real gRPC over TLS, certificates of a small hierarchy, answers that can be wrong. */
import { type KeyObject, randomUUID } from 'node:crypto';
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import { csrErrors } from '../../src/operations/issue-svid/index.ts';
import { SpiffeId } from '../../src/spiffe/index.ts';
import {
  AgentService,
  AttestRequestSchema,
  AttestResponseSchema,
  type HeldSvid,
  MintJwtSvidRequestSchema,
  MintJwtSvidResponseSchema,
  type RegistrationSchema,
  RenewNodeRequestSchema,
  RenewNodeResponseSchema,
  type Report,
  type RevocationsSchema,
  SyncRequestSchema,
  SyncResponseSchema,
} from '../../src/wire/gen/castellan/agent/v1/agent_pb.js';
import {
  IstioCertificateRequestSchema,
  IstioCertificateResponseSchema,
  IstioCertificateService,
} from '../../src/wire/gen/istio/v1/auth/ca_pb.js';
import { ConnectionTable } from '../../src/wire/grpc/connections.ts';
import { encodeGrpcError } from '../../src/wire/grpc/error-codec.ts';
import { grpcServer } from '../../src/wire/grpc/server.ts';
import { grpcService } from '../../src/wire/grpc/service.ts';
import { unary } from '../../src/wire/grpc/unary.ts';
import { listenTls } from '../../src/wire/tls/listener.ts';
import {
  type Certificate,
  defaultKeyPolicy,
  formatCertificatePem,
  parseCsrDer,
  parseCsrPem,
  validatePath,
} from '../../src/x509/index.ts';
import { makeLeaf, makePki, newKey, type TestPki } from '../support/pki.ts';
import { FakeLogger } from './logger.ts';
import { FakeTokenIssuer } from './token-issuer.ts';

export type RegistrationInit = MessageInitShape<typeof RegistrationSchema>;

export interface FakeServerState {
  registrations: RegistrationInit[];
  revocations: MessageInitShape<typeof RevocationsSchema>;
  /** Seconds of life for each certificate. */
  ttlSeconds: number;
  nodeTtlSeconds: number;
  jwtTtlSeconds: number;
  /** Bundles of other trust domains. */
  federated: { trustDomain: string; roots: readonly Certificate[]; jwks?: FakeTokenIssuer }[];
  /** What the roots of the own bundle are; the hierarchy's own when left out. */
  roots: readonly Certificate[] | undefined;
  /** Changes what CreateCertificate answers. */
  answer:
    | ((request: { id: string; chain: string[]; key: KeyObject }) => Promise<string[]> | string[])
    | undefined;
  /** What every call is refused with. */
  refuse: ((method: string) => Error | undefined) | undefined;
  /** What one answer of Sync is turned into. */
  spoil:
    | ((answer: MessageInitShape<typeof SyncResponseSchema>) => MessageInitShape<typeof SyncResponseSchema>)
    | undefined;
  /** Seconds that the clock of this server is ahead. */
  skewSeconds: number;
}

type SyncCall = ServerDuplexStream<Buffer, unknown>;

const trustDomain = 'cluster.local';
export const fakeAgentId = `spiffe://${trustDomain}/castellan/agent/join_token/node-1`;
export const goodJoinToken = 'castellan_join_0123456789abcdef';

export class FakeAgentServer implements AsyncDisposable {
  readonly state: FakeServerState = {
    registrations: [],
    revocations: {},
    ttlSeconds: 3600,
    nodeTtlSeconds: 3600,
    jwtTtlSeconds: 300,
    federated: [],
    roots: undefined,
    answer: undefined,
    refuse: undefined,
    spoil: undefined,
    skewSeconds: 0,
  };
  readonly pki: TestPki;
  readonly jwt = new FakeTokenIssuer({ kid: 'jwt-1' });
  readonly reports: Report[] = [];
  readonly counts = { issue: 0, mint: 0, sync: 0, renew: 0, attest: 0 };
  readonly logger = new FakeLogger();
  readonly #streams = new Set<SyncCall>();
  readonly #instance = randomUUID();
  #changes = 0;
  #sequence = 1n;
  #close: () => Promise<void> = async () => undefined;
  #port = 0;

  private constructor(pki: TestPki) {
    this.pki = pki;
  }

  static async start(
    options: { pki?: TestPki; port?: number; showsRoot?: boolean } = {},
  ): Promise<FakeAgentServer> {
    const server = new FakeAgentServer(options.pki ?? (await makePki({ now: Date.now() })));
    await server.#listen(options.port ?? 0, options.showsRoot ?? false);
    return server;
  }

  get target(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get rootsDer(): readonly Uint8Array[] {
    return this.#roots().map(({ der }) => der);
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** What is held now at the agent, by its reports on all streams. */
  heldSerials(): ReadonlySet<string> {
    const held = new Set<string>();
    for (const { svids, endedSerials } of this.reports) {
      for (const { serial } of svids as HeldSvid[]) held.add(serial);
      for (const serial of endedSerials) held.delete(serial);
    }
    return held;
  }

  register(...registrations: RegistrationInit[]): void {
    this.state.registrations = registrations;
    this.push(['registrations']);
  }

  /** Sends parts as they are now to every agent. */
  push(parts: readonly ('registrations' | 'bundles' | 'revocations')[]): void {
    this.#changes++;
    if (parts.includes('bundles')) this.#sequence++;
    for (const stream of this.#streams) this.#send(stream, false, parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  get #revision(): string {
    return `${this.#instance}/${this.#changes}`;
  }

  #now(): number {
    return Date.now() + this.state.skewSeconds * 1000;
  }

  #roots(): readonly Certificate[] {
    return this.state.roots ?? [this.pki.root.certificate];
  }

  async #listen(port: number, showsRoot: boolean): Promise<void> {
    const { logger, pki } = this;
    const connections = new ConnectionTable();
    const server = grpcServer({ logger, services: this.#services(connections) });
    const serving = await makeLeaf(pki.intermediate, `spiffe://${trustDomain}/castellan/server`, {
      notBefore: Date.now() - 60_000,
      notAfter: Date.now() + 86_400_000,
      dnsNames: ['localhost'],
    });
    const chain = [
      serving.certificate,
      pki.intermediate.certificate,
      ...(showsRoot ? [pki.root.certificate] : []),
    ];
    const listener = await listenTls({
      host: '127.0.0.1',
      port,
      credentials: {
        chainPem: chain.map(({ der }) => formatCertificatePem(der)).join(''),
        privateKeyPem: serving.key.export({ format: 'pem', type: 'pkcs8' }) as string,
      },
      validatePeer: (shown) => {
        const verdict = validatePath(shown, {
          now: this.#now(),
          purpose: 'client',
          rootsFor: () => [pki.root.certificate],
        });
        if (!verdict.ok) return verdict;
        const { spiffeId, leaf } = verdict;
        return {
          ok: true,
          peer: { spiffeId, serial: leaf.serial, issuerSerials: [], notAfter: leaf.notAfter, chain: shown },
        };
      },
      onConnection: (socket, facts) => {
        connections.add(socket, facts);
        server.inject(socket);
      },
      logger,
    });
    this.#port = listener.port;
    this.#close = async () => {
      listener.close();
      connections.closeWhere(() => true);
      await server.drain(0);
    };
  }

  #services(connections: ConnectionTable) {
    const certificates = {
      definition: grpcService(IstioCertificateService),
      implementation: {
        createCertificate: unary(IstioCertificateRequestSchema, async ({ csr, metadata }, call) => {
          this.counts.issue++;
          this.#refuse('issue');
          if (connections.find(call.connectionId)?.peer?.spiffeId.uri !== fakeAgentId)
            throw csrErrors.AUTHENTICATION_FAILED();
          const id = metadata?.ImpersonatedIdentity as string;
          const { publicKey } = parseCsrPem(csr, defaultKeyPolicy);
          const chain = await this.#chain(id, publicKey.spkiDer, this.state.ttlSeconds);
          const answer = this.state.answer;
          const certChain = answer === undefined ? chain : await answer({ id, chain, key: newKey() });
          return create(IstioCertificateResponseSchema, { certChain });
        }),
      },
    };
    const agents = {
      definition: grpcService(AgentService),
      implementation: {
        attest: (call: SyncCall) => this.#attest(call),
        sync: (call: SyncCall) => this.#sync(call),
        renewNode: unary(RenewNodeRequestSchema, async ({ csrDer }) => {
          this.counts.renew++;
          this.#refuse('renew');
          return create(RenewNodeResponseSchema, { chainDer: await this.#nodeChain(csrDer) });
        }),
        mintJwtSvid: unary(MintJwtSvidRequestSchema, async ({ spiffeId, audiences }) => {
          this.counts.mint++;
          this.#refuse('mint');
          const now = Math.floor(this.#now() / 1000);
          const exp = now + this.state.jwtTtlSeconds;
          const token = this.jwt.token(
            { iss: undefined, sub: spiffeId, aud: audiences, iat: now, exp, n: this.counts.mint },
            { typ: 'JWT' },
          );
          return create(MintJwtSvidResponseSchema, {
            token,
            issuedAtMs: BigInt(now * 1000),
            expiresAtMs: BigInt(exp * 1000),
          });
        }),
        shipDecisions: unary(MintJwtSvidRequestSchema, async () => create(MintJwtSvidResponseSchema)),
      },
    };
    return [certificates, agents];
  }

  #refuse(method: string): void {
    const error = this.state.refuse?.(method);
    if (error !== undefined) throw error;
  }

  /** As CreateCertificate answers: leaf, intermediate, roots. */
  async #chain(id: string, spkiDer: Uint8Array, ttlSeconds: number): Promise<string[]> {
    const leaf = await this.leaf(id, spkiDer, ttlSeconds);
    return [
      formatCertificatePem(leaf.der),
      formatCertificatePem(this.pki.intermediate.certificate.der),
      this.#roots()
        .map(({ der }) => formatCertificatePem(der))
        .join(''),
    ];
  }

  async leaf(id: string, spkiDer: Uint8Array, ttlSeconds: number): Promise<Certificate> {
    const now = this.#now();
    const { certificate } = await makeLeaf(this.pki.intermediate, id, {
      ...({ spkiDer } as object),
      notBefore: now - Math.min(120_000, ttlSeconds * 100),
      notAfter: now + ttlSeconds * 1000,
    });
    return certificate;
  }

  async #nodeChain(csrDer: Uint8Array): Promise<Uint8Array[]> {
    const { publicKey } = parseCsrDer(csrDer, defaultKeyPolicy);
    const leaf = await this.leaf(fakeAgentId, publicKey.spkiDer, this.state.nodeTtlSeconds);
    return [leaf.der, this.pki.intermediate.certificate.der];
  }

  #attest(call: SyncCall): void {
    call.on('error', () => undefined);
    call.on('data', (bytes: Buffer) => {
      const { step } = fromBinary(AttestRequestSchema, bytes);
      const start = step.case === 'start' ? step.value : undefined;
      this.counts.attest++;
      (async () => {
        this.#refuse('attest');
        if (start?.evidence.case !== 'joinToken' || start.evidence.value !== goodJoinToken)
          throw new Error('no');
        const chainDer = await this.#nodeChain(start.csrDer);
        const value = { agentId: fakeAgentId, chainDer, bundle: this.#bundles()[0] };
        call.write(create(AttestResponseSchema, { step: { case: 'accepted', value } }));
        call.end();
      })().catch((error: unknown) => call.emit('error', encodeGrpcError(error)));
    });
  }

  #sync(call: SyncCall): void {
    this.counts.sync++;
    call.on('error', () => undefined);
    call.on('cancelled', () => this.#streams.delete(call));
    call.on('end', () => {
      this.#streams.delete(call);
      call.end();
    });
    const refused = this.state.refuse?.('sync');
    if (refused !== undefined) {
      call.emit('error', encodeGrpcError(refused));
      return;
    }
    call.sendMetadata(new Metadata());
    call.on('data', (bytes: Buffer) => {
      const { message } = fromBinary(SyncRequestSchema, bytes);
      if (message.case === 'report') this.reports.push(message.value);
      if (message.case !== 'hello') return;
      this.#streams.add(call);
      const { resumeRevision } = message.value;
      if (resumeRevision !== this.#revision)
        this.#send(call, true, ['registrations', 'bundles', 'revocations']);
    });
  }

  #send(call: SyncCall, isFull: boolean, parts: readonly string[]): void {
    const { registrations, revocations, spoil } = this.state;
    const answer: MessageInitShape<typeof SyncResponseSchema> = {
      revision: this.#revision,
      isFull,
      ...(parts.includes('registrations') ? { registrations: { items: registrations } } : {}),
      ...(parts.includes('bundles') ? { bundles: { items: this.#bundles() } } : {}),
      ...(parts.includes('revocations') ? { revocations } : {}),
    };
    call.write(create(SyncResponseSchema, spoil?.(answer) ?? answer));
  }

  #bundles() {
    const jwtKey = (issuer: FakeTokenIssuer) => ({
      kid: issuer.kid,
      jwkJson: JSON.stringify(publicJwk(issuer)),
    });
    return [
      {
        trustDomain,
        sequence: this.#sequence,
        refreshHintSeconds: 300n,
        x509RootsDer: this.#roots().map(({ der }) => der),
        jwtKeys: [jwtKey(this.jwt)],
      },
      ...this.state.federated.map(({ trustDomain: name, roots, jwks }) => ({
        trustDomain: name,
        sequence: 1n,
        x509RootsDer: roots.map(({ der }) => der),
        jwtKeys: jwks === undefined ? [] : [jwtKey(jwks)],
      })),
    ];
  }
}

function publicJwk(issuer: FakeTokenIssuer): Record<string, unknown> {
  const { kty, crv, x, y } = issuer.jwk();
  return { kty, crv, x, y };
}

export const registration = (
  name: string,
  spiffeId: string,
  selectors: readonly string[],
  more: Partial<RegistrationInit> = {},
): RegistrationInit =>
  ({ name, spiffeId: SpiffeId.parse(spiffeId).uri, selectors: [...selectors], ...more }) as RegistrationInit;
