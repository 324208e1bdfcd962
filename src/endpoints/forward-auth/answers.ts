import type { ServerResponse } from 'node:http';
import {
  type AllowAnswer,
  type Answer,
  type DenyAnswer,
  isOwnHeader,
} from '../../operations/check-request/index.ts';
import type { HttpDialect } from './dialects.ts';

/** For proxies that have no word of their own for removing a header. */
const removeHeader = 'x-castellan-remove';

/** How each dialect says yes and no (proxies.md §1.5): its proxy understands no other way. */
export function sendAnswer(response: ServerResponse, dialect: HttpDialect['name'], answer: Answer): void {
  if (answer.kind === 'allow')
    send(response, { status: 200, headers: allowHeaders(dialect, answer), body: '' });
  else
    send(response, { status: statusFor(dialect, answer), headers: denyHeaders(answer), body: answer.body });
}

/** Names and values by turns. */
type RawHeaders = string[];

/** Of the connection, and ours to say, whatever a provider answered. */
const ofConnection: ReadonlySet<string> = new Set(['connection', 'content-length', 'transfer-encoding']);

/** The last value of a name counts; cookies are set one by one. */
function put(headers: RawHeaders, name: string, value: string): void {
  if (ofConnection.has(name)) return;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== name || name === 'set-cookie') continue;
    headers[i + 1] = value;
    return;
  }
  headers.push(name, value);
}

interface Sent {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: string;
}

function send(response: ServerResponse, { status, headers, body }: Sent): void {
  put(headers, 'cache-control', 'no-store');
  headers.push('content-length', String(Buffer.byteLength(body)));
  response.writeHead(status, headers);
  response.end(body);
}

function allowHeaders(dialect: HttpDialect['name'], answer: AllowAnswer): RawHeaders {
  const { setHeaders, removeHeaders } = answer;
  const headers: RawHeaders = [];
  for (const { name, value } of setHeaders) put(headers, name, value);
  const toRemove = removeHeaders.filter((name) => !setHeaders.some((set) => set.name === name));
  if (dialect === 'ext-authz-http') {
    if (toRemove.length > 0) headers.push('x-envoy-auth-headers-to-remove', toRemove.join(', '));
    return headers;
  }
  // These proxies copy what they find: a header that is ours and unknown must arrive empty, not as the client's.
  for (const name of toRemove) if (isOwnHeader(name)) headers.push(name, '');
  // What is the client's, such as a used token, their configuration takes away by this list.
  const others = toRemove.filter((name) => !isOwnHeader(name));
  if (others.length > 0) headers.push(removeHeader, others.join(', '));
  return headers;
}

function denyHeaders(answer: DenyAnswer): RawHeaders {
  const headers: RawHeaders = [];
  for (const { name, value } of answer.headers) put(headers, name, value);
  return headers;
}

/** What goes out when even the answer cannot be made: no dialect reads it as yes. */
export function sendFault(response: ServerResponse, dialect: HttpDialect['name']): void {
  if (response.headersSent) response.destroy();
  else send(response, { status: dialect === 'ext-authz-http' ? 403 : 503, headers: [], body: '' });
}

function statusFor(dialect: HttpDialect['name'], { status, isFault, isUnauthenticated }: DenyAnswer): number {
  switch (dialect) {
    case 'ext-authz-http':
      // 200 would allow, and any 5xx would leave it to the proxy's failure mode.
      return isFault || status < 300 || status >= 500 ? 403 : status;
    case 'forward-auth':
      return status < 300 ? 403 : status;
    case 'auth-request':
      // nginx knows 401 and 403; anything else is an error to it.
      return isFault ? 503 : isUnauthenticated ? 401 : 403;
  }
}
