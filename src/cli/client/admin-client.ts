import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { readSecretFile } from '../../app/settings/index.ts';
import { decodeProblem } from '../../wire/http/decode-problem.ts';
import { nodeHttp } from '../../wire/http/node-http.ts';
import { cliErrors } from '../frame/errors.ts';
import type { ServerTarget } from './discover.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Under `/api/v1`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses beside 2xx whose body is an answer, not a problem. */
  readonly alsoAnswers?: readonly number[];
}

export interface ApiAnswer<T> {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: T;
}

const timeoutMs = 30_000;
const mostAnswerBytes = 256 * 1024 * 1024;

/** The admin API as the verbs call it: over the Unix socket, or https with the operator's token. */
export class AdminClient {
  readonly #target: ServerTarget;
  readonly #signal: AbortSignal;

  constructor(target: ServerTarget, signal: AbortSignal) {
    this.#target = target;
    this.#signal = signal;
  }

  /** For people: where it is and how it was found. */
  get name(): string {
    const { address } = this.#target;
    return address.kind === 'socket' ? `unix:${address.path}` : `https://${address.host}:${address.port}`;
  }

  async get<T>(path: string, query: ApiRequest['query'] = {}): Promise<T> {
    return (await this.call<T>({ method: 'GET', path, query })).body;
  }

  async post<T>(path: string, body?: unknown): Promise<T> {
    return (await this.call<T>({ method: 'POST', path, body })).body;
  }

  /** One call; a problem document becomes the error it tells of. */
  async call<T>(request: ApiRequest): Promise<ApiAnswer<T>> {
    const reply = await this.download(request);
    const text = reply.body.toString('utf8');
    try {
      return { ...reply, body: JSON.parse(text) as T };
    } catch (cause) {
      throw cliErrors.SERVER_ANSWER_MALFORMED({ cause });
    }
  }

  async download(request: ApiRequest): Promise<ApiAnswer<Buffer>> {
    const reply = await this.#send(request);
    const isAnswer = reply.status < 300 || request.alsoAnswers?.includes(reply.status);
    if (!isAnswer) {
      const { 'retry-after': retryAfter } = reply.headers;
      throw decodeProblem(reply.status, tryJson(reply.body), retryAfter === undefined ? {} : { retryAfter });
    }
    return reply;
  }

  #send(request: ApiRequest): Promise<ApiAnswer<Buffer>> {
    const payload = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const options: RequestOptions = {
      method: request.method,
      path: `/api/v1${request.path}${queryText(request.query)}`,
      signal: this.#signal,
      timeout: timeoutMs,
      agent: false,
      headers: {
        accept: 'application/json',
        ...(payload === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': payload.length }),
        ...request.headers,
      },
    };
    return new Promise((resolve, reject) => {
      const call = this.#open(options, (reply) => {
        resolve(readAnswer(reply));
      });
      call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
      call.on('error', (cause) => reject(this.#unreachable(cause)));
      call.end(payload);
    });
  }

  #open(options: RequestOptions, onReply: (reply: IncomingMessage) => void) {
    const { address, tokenFile, caFile } = this.#target;
    if (address.kind === 'socket') return nodeHttp.request({ ...options, socketPath: address.path }, onReply);
    const token = tokenFile === undefined ? undefined : readSecretFile(tokenFile);
    return httpsRequest(
      {
        ...options,
        host: address.host,
        port: address.port,
        ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
        headers: {
          ...(options.headers as Record<string, string>),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      },
      onReply,
    );
  }

  #unreachable(cause: Error) {
    const { foundBy } = this.#target.address;
    return cliErrors.SERVER_UNREACHABLE({
      message: `the castellan server at \`${this.name}\` (from ${foundBy}) does not answer`,
      cause,
    });
  }
}

function queryText(query: ApiRequest['query'] = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

async function readAnswer(reply: IncomingMessage): Promise<ApiAnswer<Buffer>> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of reply as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > mostAnswerBytes)
      throw cliErrors.SERVER_ANSWER_MALFORMED({ message: 'the answer of the server is larger than 256 MiB' });
    parts.push(part);
  }
  return { status: reply.statusCode ?? 0, headers: reply.headers, body: Buffer.concat(parts) };
}

function tryJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
