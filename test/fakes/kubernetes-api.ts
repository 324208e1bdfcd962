import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FakeHttpsServer, startHttpsServer } from './https-server.ts';

export interface FakeServiceAccountToken {
  readonly username: string;
  readonly podName?: string;
  readonly podUid?: string;
  /** The audiences that the token is for; none is a legacy token. */
  readonly audiences: readonly string[];
}

/**
 * An API server that reviews tokens: one that it knows, for an audience that was asked for, is authenticated. Deleting a
 * token is deleting its pod or account. Our own token there is `reviewer`.
 */
export class FakeKubernetesApi implements AsyncDisposable {
  readonly tokens = new Map<string, FakeServiceAccountToken>();
  mode: 'well' | 'failing' | 'forbidding' | 'talking nonsense' | 'silent' = 'well';
  /** As a webhook authenticator that knows no audiences: it leaves them out of its reply. */
  forgetsAudiences = false;
  reviews = 0;
  readonly #server: FakeHttpsServer;

  private constructor(server: FakeHttpsServer) {
    this.#server = server;
  }

  static async start(): Promise<FakeKubernetesApi> {
    const holder: { api?: FakeKubernetesApi } = {};
    const server = await startHttpsServer((request, response) => void holder.api?.answer(request, response));
    const api = new FakeKubernetesApi(server);
    holder.api = api;
    return api;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#server.port}`;
  }

  get ca(): string {
    return this.#server.ca;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.reviews++;
    const chunks: Uint8Array[] = [];
    for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
    if (this.mode === 'silent') return;
    if (this.mode === 'failing') return void response.writeHead(500).end('{}');
    if (this.mode === 'talking nonsense') return void response.end('<html>');
    if (this.mode === 'forbidding' || request.headers.authorization !== 'Bearer reviewer')
      return void response.writeHead(403).end('{"kind":"Status"}');
    if (request.method !== 'POST' || request.url !== '/apis/authentication.k8s.io/v1/tokenreviews')
      return void response.writeHead(404).end('{"kind":"Status"}');
    const review = JSON.parse(Buffer.concat(chunks).toString()) as {
      spec: { token: string; audiences: string[] };
    };
    const status = this.#review(review.spec.token, review.spec.audiences);
    response.writeHead(201).end(JSON.stringify({ ...review, status }));
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#server[Symbol.asyncDispose]();
  }

  #review(token: string, asked: readonly string[]): unknown {
    const known = this.tokens.get(token);
    const audiences = known?.audiences.filter((audience) => asked.includes(audience)) ?? [];
    if (known === undefined || (audiences.length === 0 && !this.forgetsAudiences))
      return { user: {}, error: 'invalid bearer token' };
    const { username, podName, podUid } = known;
    return {
      authenticated: true,
      user: {
        username,
        uid: 'u',
        groups: ['system:serviceaccounts', 'system:authenticated'],
        extra: {
          ...(podName !== undefined && { 'authentication.kubernetes.io/pod-name': [podName] }),
          ...(podUid !== undefined && { 'authentication.kubernetes.io/pod-uid': [podUid] }),
        },
      },
      ...(!this.forgetsAudiences && { audiences }),
    };
  }
}
