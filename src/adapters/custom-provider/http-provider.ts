import type { ClientRequest, Agent as HttpAgent, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { ProviderBody, ProviderCall } from '../../operations/check-request/index.ts';
import type { AuthzRequest, CustomResult, HttpFacts } from '../../policy/index.ts';
import type { ExtensionProvider } from '../../resources/index.ts';
import { nodeHttp } from '../../wire/http/node-http.ts';
import { customProviderErrors } from './errors.ts';
import { pickHeaders, readHttpAnswer } from './http-answer.ts';
import { type ProviderPlace, partialBodyHeader } from './place.ts';

const longestBody = 64 * 1024;
const mostSockets = 256;

/** `envoyExtAuthzHttp`: the request's own method and path, a few of its headers; 200 is yes (proxies.md §1.7). */
export class HttpProvider implements Disposable {
  readonly #provider: ExtensionProvider;
  readonly #place: ProviderPlace;
  readonly #agent: HttpAgent;

  constructor(provider: ExtensionProvider, place: ProviderPlace) {
    this.#provider = provider;
    this.#place = place;
    const pool = { keepAlive: true, maxSockets: mostSockets, maxFreeSockets: 32 } as const;
    this.#agent =
      place.tls === undefined
        ? new nodeHttp.Agent(pool)
        : new HttpsAgent({
            ...pool,
            minVersion: 'TLSv1.2',
            ...(place.tls.caPem !== undefined && { ca: place.tls.caPem }),
          });
  }

  async ask({ http }: AuthzRequest, { body, signal }: ProviderCall): Promise<CustomResult> {
    if (http === undefined) throw new TypeError('an HTTP provider was asked about a plain connection');
    this.#place.names.check(this.#place.host);
    const answer = await this.#exchange(this.#optionsFor(http, body), { body, signal });
    const said = await readBody(answer);
    return readHttpAnswer(this.#provider, {
      status: answer.statusCode ?? 0,
      raw: answer.rawHeaders,
      body: said,
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #optionsFor(http: HttpFacts, body: ProviderBody | undefined): RequestOptions {
    const { host, port, names } = this.#place;
    return {
      host,
      port,
      agent: this.#agent,
      lookup: names.lookup,
      method: http.method,
      path: `${this.#provider.pathPrefix ?? ''}${http.path}`,
      headers: requestHeaders(this.#provider, http, { host, body }),
      maxHeaderSize: 16 * 1024,
    };
  }

  #exchange(options: RequestOptions, { body, signal }: ProviderCall): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing: ClientRequest = (this.#place.tls === undefined ? nodeHttp.request : httpsRequest)({
        ...options,
        signal,
      });
      outgoing.on('response', resolve);
      outgoing.on('error', (cause) => reject(customProviderErrors.CUSTOM_PROVIDER_UNREACHABLE({ cause })));
      outgoing.end(body?.bytes);
    });
  }
}

/** Flat name and value pairs. */
function requestHeaders(
  provider: ExtensionProvider,
  http: HttpFacts,
  { host, body }: { readonly host: string; readonly body: ProviderBody | undefined },
): string[] {
  const additional = provider.includeAdditionalHeadersInCheck;
  const replaced = new Set([...additional.keys()].map((name) => name.toLowerCase()));
  const isWanted = pickHeaders(['authorization', ...provider.includeRequestHeadersInCheck]);
  const headers = ['host', http.authority ?? host, 'content-length', String(body?.bytes.length ?? 0)];
  for (const [name, lines] of http.headers)
    if (isWanted(name) && !replaced.has(name) && !ours.has(name))
      for (const line of lines) headers.push(name, line);
  for (const [name, value] of additional) headers.push(name, value);
  if (body !== undefined) headers.push(partialBodyHeader, String(body.isPartial));
  return headers;
}

/** Of the connection, or said by us. */
const ours: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'proxy-connection',
  partialBodyHeader,
]);

async function readBody(answer: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > longestBody)
      throw customProviderErrors.CUSTOM_PROVIDER_ANSWER_REFUSED({
        message: `the answer of the CUSTOM provider is longer than ${longestBody} bytes`,
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
