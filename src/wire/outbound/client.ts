import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../../base/clock.ts';
import { isCastellanError } from '../../base/errors.ts';
import { withDeadline } from '../../base/waiting.ts';
import { nodeHttp } from '../http/node-http.ts';
import { outboundErrors } from './errors.ts';
import { GuardedLookup, type LookupOptions } from './guarded-lookup.ts';

export interface OutboundOptions extends LookupOptions {
  readonly clock: Clock;
  /** Hosts, as `name` or `name:port`, that may be asked by plain http. */
  readonly plainHttpHosts?: readonly string[];
}

export interface OutboundRequest {
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM of the authorities that the server's certificate must chain to, instead of the public ones. */
  readonly ca?: string;
  readonly maxBytes?: number;
  /** The whole exchange, name to last byte. */
  readonly timeoutMs?: number;
  /** Statuses that are an answer; 200 unless given. */
  readonly statuses?: readonly number[];
}

/** The one way out: every request that follows someone's configuration goes through this guard, and it has no off switch. */
export interface OutboundClient {
  /** The body as text. Throws OUTBOUND_* errors, or the signal's reason. */
  ask(request: OutboundRequest, signal: AbortSignal): Promise<string>;
}

const longestUrl = 2048;

export function outboundClient(options: OutboundOptions): OutboundClient {
  const guard = new Guard(options);
  return { ask: (request, signal) => guard.ask(request, signal) };
}

class Guard {
  readonly #options: OutboundOptions;
  readonly #names: GuardedLookup;

  constructor(options: OutboundOptions) {
    this.#options = options;
    this.#names = new GuardedLookup(options);
  }

  async ask(request: OutboundRequest, signal: AbortSignal): Promise<string> {
    const url = this.#checkUrl(request.url);
    const { timeoutMs = 5_000 } = request;
    return withDeadline(this.#options.clock, timeoutMs, signal, (limit) =>
      this.#exchange(url, request, limit),
    );
  }

  #checkUrl(text: string): URL {
    const refuse = (why: string) =>
      outboundErrors.OUTBOUND_URL_REFUSED({ message: `the URL may not be asked: ${why}` });
    if (text.length > longestUrl) throw refuse(`longer than ${longestUrl} characters`);
    const url = URL.parse(text);
    if (url === null) throw refuse('not a URL');
    if (url.username !== '' || url.password !== '') throw refuse('it holds a user or password');
    const { plainHttpHosts = [] } = this.#options;
    const plain =
      url.protocol === 'http:' && [url.host, url.hostname].some((host) => plainHttpHosts.includes(host));
    if (url.protocol !== 'https:' && !plain) throw refuse('not https');
    this.#names.check(bareHost(url));
    return url;
  }

  #exchange(url: URL, request: OutboundRequest, signal: AbortSignal): Promise<string> {
    const { maxBytes = 256 * 1024, statuses = [200] } = request;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        outgoing.destroy();
        reject(signal.aborted ? (signal.reason as Error) : asUnreachable(url, error));
      };
      const outgoing = this.#open(url, request, signal);
      outgoing.on('error', fail);
      outgoing.on('response', (answer) => {
        const refused = refuseAnswer(answer, statuses, maxBytes);
        if (refused !== undefined) fail(refused);
        else readBody(answer, maxBytes).then(resolve, fail);
      });
      outgoing.end(request.body);
    });
  }

  #open(url: URL, request: OutboundRequest, signal: AbortSignal): ClientRequest {
    const { method = 'GET', headers, ca, body } = request;
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const common = {
      method,
      signal,
      lookup: this.#names.lookup,
      headers: { accept: 'application/json', 'accept-encoding': 'identity', ...headers, ...length },
      maxHeaderSize: 16 * 1024,
    };
    // A fresh connection each time: its address is checked now, not when some pool opened it.
    if (url.protocol === 'http:')
      return nodeHttp.request(url, { ...common, agent: new nodeHttp.Agent({ keepAlive: false }) });
    const tls = { minVersion: 'TLSv1.2', rejectUnauthorized: true, ...(ca !== undefined && { ca }) } as const;
    return httpsRequest(url, { ...common, ...tls, agent: new HttpsAgent({ keepAlive: false }) });
  }
}

function bareHost(url: URL): string {
  return url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
}

function asUnreachable(url: URL, error: unknown): Error {
  if (isCastellanError(error)) return error;
  const code = (error as NodeJS.ErrnoException).code ?? 'failure';
  return outboundErrors.OUTBOUND_UNREACHABLE({
    message: `\`${url.host}\` could not be reached (${code})`,
    cause: error,
  });
}

function refuseAnswer(
  answer: IncomingMessage,
  statuses: readonly number[],
  maxBytes: number,
): Error | undefined {
  const refuse = (why: string) =>
    outboundErrors.OUTBOUND_ANSWER_REFUSED({ message: `the answer cannot be used: ${why}` });
  const { statusCode = 0, headers } = answer;
  if (statusCode >= 300 && statusCode < 400)
    return refuse(`status ${statusCode}; redirects are not followed`);
  if (!statuses.includes(statusCode)) return refuse(`status ${statusCode}`);
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') return refuse('it is compressed');
  if (Number(headers['content-length'] ?? 0) > maxBytes) return refuse(`longer than ${maxBytes} bytes`);
  return undefined;
}

async function readBody(answer: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes)
      throw outboundErrors.OUTBOUND_ANSWER_REFUSED({
        message: `the answer cannot be used: longer than ${maxBytes} bytes`,
      });
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw outboundErrors.OUTBOUND_ANSWER_REFUSED({ message: 'the answer cannot be used: not UTF-8' });
  }
}
