import { fromBinary } from '@bufbuild/protobuf';
import { type IpAddress, parseIp } from '../../base/ip.ts';
import type { Asker, CheckQuestion } from '../../operations/check-request/index.ts';
import type { HttpFacts, JsonFields } from '../../policy/index.ts';
import type { Address } from '../../wire/gen/envoy/config/core/v3/address_pb.js';
import type {
  AttributeContext,
  AttributeContext_HttpRequest,
  AttributeContext_Peer,
} from '../../wire/gen/envoy/service/auth/v3/attribute_context_pb.js';
import { CheckRequestSchema } from '../../wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import { HeaderReader } from '../../wire/header-reader.ts';

export interface CheckContext {
  readonly asker: Asker;
  readonly deadlineAt: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A CheckRequest as a question. Never throws: what cannot be read is a question that says so. */
export function readCheck(bytes: Uint8Array, context: CheckContext): CheckQuestion {
  const base = { ...context, dialect: 'ext-authz' as const };
  try {
    const { attributes } = fromBinary(CheckRequestSchema, bytes);
    return { ...base, ...readAttributes(attributes) };
  } catch (error) {
    const malformed = error instanceof Malformed ? error.message : 'the check is no readable CheckRequest';
    return { ...base, source: {}, destination: {}, http: unreadable, malformed };
  }
}

/** Marks the question as one about HTTP, so that its denial has a status. */
const unreadable: HttpFacts = Object.freeze({ method: '', path: '', headers: new Map() });

class Malformed extends Error {}

type Read = Omit<CheckQuestion, 'dialect' | keyof CheckContext>;

function readAttributes(attributes: AttributeContext | undefined): Read {
  const { source, destination, request, tlsSession, metadataContext } = attributes ?? {};
  const peer = { principal: source?.principal, certificate: source?.certificate };
  const place = readAddress(destination?.address);
  const read: Read = {
    source: { ...peer, ip: readAddress(source?.address).ip },
    destination: {
      ip: place.ip,
      port: place.port,
      principal: destination?.principal,
      labels: readMap(destination?.labels),
      extensions: readMap(attributes?.contextExtensions),
    },
    isTls: tlsSession !== undefined || hasIdentity(source),
    sni: tlsSession?.sni || undefined,
    dynamicMetadata: readMetadata(metadataContext?.filterMetadata),
  };
  return request?.http === undefined ? read : { ...read, ...readHttp(request.http) };
}

function hasIdentity(source: AttributeContext_Peer | undefined): boolean {
  return source !== undefined && (source.principal !== '' || source.certificate !== '');
}

function readHttp(http: AttributeContext_HttpRequest): Pick<Read, 'http' | 'malformed'> {
  const headers = new HeaderReader();
  const { headers: joined, headerMap } = http;
  const names = Object.keys(joined);
  if (names.length > 0 && headerMap !== undefined && headerMap.headers.length > 0)
    headers.problem = 'the headers come in both forms';
  for (const name of names) headers.add(name, joined[name] as string);
  for (const { key, value, rawValue } of headerMap?.headers ?? [])
    headers.add(key, rawValue.length > 0 ? decodeUtf8(rawValue) : value);
  const facts: HttpFacts = {
    method: http.method,
    path: http.path,
    authority: http.host === '' ? undefined : http.host,
    scheme: http.scheme === '' ? undefined : http.scheme,
    headers: headers.lines,
  };
  const malformed = headers.problem ?? disagreement(facts, headers);
  return malformed === undefined ? { http: facts } : { http: facts, malformed };
}

/** Z10: what is said twice must be said alike. */
function disagreement(http: HttpFacts, headers: HeaderReader): string | undefined {
  const said: readonly (readonly [string, string | undefined, string | undefined])[] = [
    [':method', headers.pseudo(':method'), http.method],
    [':path', headers.pseudo(':path'), http.path],
    [':authority', headers.pseudo(':authority'), http.authority],
    ['host', headers.lines.get('host')?.[0], http.authority],
  ];
  for (const [name, again, first] of said)
    if (again !== undefined && again !== (first ?? '')) return `${name} and the request line differ`;
  return undefined;
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

const nowhere: Place = Object.freeze({});

/** A pipe or an internal listener has no address; a socket address that is none is refused. */
function readAddress(address: Address | undefined): Place {
  if (address?.address.case !== 'socketAddress') return nowhere;
  const { address: text, portSpecifier } = address.address.value;
  const port = portSpecifier.case === 'portValue' ? portSpecifier.value : undefined;
  if (text === '') return { port };
  const zone = text.indexOf('%');
  const ip = parseIp(zone === -1 ? text : text.slice(0, zone));
  if (ip === undefined) throw new Malformed('a socket address is no IP address');
  if (port !== undefined && port > 65_535) throw new Malformed('a port is above 65535');
  return { ip, port };
}

function readMap(map: Readonly<Record<string, string>> | undefined): ReadonlyMap<string, string> | undefined {
  if (map === undefined) return undefined;
  const entries = Object.entries(map);
  return entries.length === 0 ? undefined : new Map(entries);
}

function readMetadata(
  metadata: Readonly<Record<string, unknown>> | undefined,
): ReadonlyMap<string, JsonFields> | undefined {
  if (metadata === undefined) return undefined;
  const entries = Object.entries(metadata as Record<string, JsonFields>);
  return entries.length === 0 ? undefined : new Map(entries);
}
