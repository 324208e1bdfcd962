import { type IpAddress, parseIp } from '../../base/ip.ts';
import type { Asker, CheckQuestion } from '../../operations/check-request/index.ts';
import type { HttpFacts, JsonFields } from '../../policy/index.ts';
import { HeaderReader } from '../../wire/header-reader.ts';
import { type CheckMessage, type HttpMessage, type PeerMessage, readCheckMessage } from './check-message.ts';
import { readBody } from './read-body.ts';

export interface CheckContext {
  readonly asker: Asker;
  readonly deadlineAt: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A CheckRequest as a question. Never throws: what cannot be read is a question that says so. */
export function readCheck(bytes: Uint8Array, context: CheckContext): CheckQuestion {
  try {
    return readMessage(readCheckMessage(bytes), context, () => readBody(bytes));
  } catch (error) {
    const malformed = error instanceof Malformed ? error.message : 'the check is no readable CheckRequest';
    return { ...context, dialect: 'ext-authz', source: {}, destination: {}, http: unreadable, malformed };
  }
}

/** Marks the question as one about HTTP, so that its denial has a status. */
const unreadable: HttpFacts = Object.freeze({ method: '', path: '', headers: new Map() });

class Malformed extends Error {}

function readMessage(
  check: CheckMessage,
  { asker, deadlineAt, signal }: CheckContext,
  body: CheckQuestion['body'],
): CheckQuestion {
  const { source, destination, http, extensions, sni, hasTls, metadata } = check;
  const place = readAddress(destination);
  const read = http === undefined ? noHttp : readHttp(http);
  return {
    dialect: 'ext-authz',
    asker,
    deadlineAt,
    signal,
    source: {
      ip: readAddress(source).ip,
      principal: source.principal,
      certificate: source.certificate,
    },
    destination: {
      ip: place.ip,
      port: place.port,
      principal: destination.principal,
      labels: destination.labels,
      extensions,
    },
    isTls: hasTls || source.principal !== '' || source.certificate !== '',
    sni: sni === '' ? undefined : sni,
    dynamicMetadata: readMetadata(metadata),
    body,
    http: read.http,
    malformed: read.malformed,
  };
}

const noHttp: { readonly http?: HttpFacts; readonly malformed?: string } = Object.freeze({});

function readHttp({ method, path, host, scheme, headers: joined, headerMap }: HttpMessage): typeof noHttp {
  const headers = new HeaderReader();
  if (joined.length > 0 && headerMap.length > 0) headers.problem = 'the headers come in both forms';
  for (let i = 0; i < joined.length; i += 2) {
    const name = joined[i] as string;
    if (headers.lines.has(name)) headers.problem ??= 'a map of headers names one twice';
    headers.add(name, joined[i + 1] as string);
  }
  for (let i = 0; i < headerMap.length; i += 2) {
    const value = headerMap[i + 1] as string | Uint8Array;
    headers.add(headerMap[i] as string, typeof value === 'string' ? value : decodeUtf8(value));
  }
  const http: HttpFacts = {
    method,
    path,
    authority: host === '' ? undefined : host,
    scheme: scheme === '' ? undefined : scheme,
    headers: headers.lines,
  };
  const malformed = headers.problem ?? disagreement(http, headers);
  return malformed === undefined ? { http } : { http, malformed };
}

/** Z10: what is said twice must be said alike. */
function disagreement(http: HttpFacts, headers: HeaderReader): string | undefined {
  const { method, path, authority = '' } = http;
  if ((headers.pseudo(':method') ?? method) !== method) return differ(':method');
  if ((headers.pseudo(':path') ?? path) !== path) return differ(':path');
  if ((headers.pseudo(':authority') ?? authority) !== authority) return differ(':authority');
  if ((headers.lines.get('host')?.[0] ?? authority) !== authority) return differ('host');
  return undefined;
}

function differ(name: string): string {
  return `${name} and the request line differ`;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Z33: bytes that are no text are refused, never guessed at. */
function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Malformed('a header value is not UTF-8');
  }
}

interface Place {
  readonly ip?: IpAddress | undefined;
  readonly port?: number | undefined;
}

/** A socket address that is none is refused. */
function readAddress({ address, port }: PeerMessage): Place {
  if (port !== undefined && port > 65_535) throw new Malformed('a port is above 65535');
  if (address === '') return { port };
  const zone = address.indexOf('%');
  const ip = parseIp(zone === -1 ? address : address.slice(0, zone));
  if (ip === undefined) throw new Malformed('a socket address is no IP address');
  return { ip, port };
}

function readMetadata(metadata: CheckMessage['metadata']): ReadonlyMap<string, JsonFields> | undefined {
  if (metadata === undefined) return undefined;
  const entries = Object.entries(metadata as Record<string, JsonFields>);
  return entries.length === 0 ? undefined : new Map(entries);
}
