import { request } from 'node:http';
import { request as requestTls } from 'node:https';

export interface HttpCall {
  readonly port: number;
  readonly method?: string;
  readonly path: string;
  /** In order, names as written; a name may come twice. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
  /** Over TLS, with a client certificate. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

export interface HttpReply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** One HTTP/1.1 call with exactly these header lines. */
export function httpCall({
  port,
  method = 'GET',
  path,
  headers = [],
  body,
  tls,
}: HttpCall): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const lines = headers.some(([name]) => name.toLowerCase() === 'host')
      ? headers
      : [['host', 'castellan.local'] as const, ...headers];
    const call = (tls === undefined ? request : requestTls)(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent: false,
        setHost: false,
        headers: lines.flat() as never,
        // A workload has no host name: who answers is not what these tests are about.
        ...(tls === undefined ? {} : { ...tls, checkServerIdentity: () => undefined }),
      },
      (reply) => {
        let text = '';
        reply.setEncoding('utf8');
        reply.on('data', (part: string) => (text += part));
        reply.on('end', () =>
          resolve({
            status: reply.statusCode ?? 0,
            headers: new Map(Object.entries(reply.headers).map(([name, value]) => [name, String(value)])),
            body: text,
          }),
        );
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}
