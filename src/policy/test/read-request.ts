import { type IpAddress, parseIp } from '../../base/ip.ts';
import { type Fields, type MapNode, type PositionedNode, quoted } from '../../resources/index.ts';
import { SpiffeId } from '../../spiffe/index.ts';
import type { AuthzRequest, ConnectionFacts, CustomResult, HttpFacts, WorkloadFacts } from '../request.ts';
import { plainFields, readTokens, type TokensRead } from './read-tokens.ts';

/** The fields of a request as a PolicyTest writes it; a case has them beside `name` and `expect`. */
export const requestFields = [
  'from',
  'to',
  'call',
  'host',
  'scheme',
  'headers',
  'tls',
  'certificate',
  'alpn',
  'sni',
  'sourceIp',
  'remoteIp',
  'destinationIp',
  'jwt',
  'tokens',
  'metadata',
  'custom',
] as const;

const certificateProblems = ['untrusted-root', 'expired', 'revoked', 'malformed'] as const;
const noWorkload: WorkloadFacts = Object.freeze({ namespace: 'default', labels: new Map() });

/** Reads a request; what is wrong goes to the report, and stand-ins take its place. */
export function readRequest(fields: Fields, workloads: ReadonlyMap<string, WorkloadFacts>): AuthzRequest {
  const { workload, port } = readDestination(fields, workloads);
  const tokens = readTokens(fields);
  const metadata = fields.get('metadata');
  const http = readHttp(fields);
  return Object.freeze({
    connection: readConnection(fields, port),
    destination: workload,
    ...(http === undefined ? {} : { http: withTokens(http, tokens) }),
    tokens: tokens.results,
    custom: readCustom(fields),
    ...(metadata?.kind === 'map' ? { dynamicMetadata: readMetadata(metadata) } : {}),
  });
}

function readDestination(fields: Fields, workloads: ReadonlyMap<string, WorkloadFacts>) {
  const to = fields.requiredText('to') ?? '';
  const colon = to.lastIndexOf(':');
  const name = colon === -1 ? to : to.slice(0, colon);
  const port = colon === -1 ? 80 : Number(to.slice(colon + 1));
  const workload = workloads.get(name);
  const isPort = Number.isInteger(port) && port >= 1 && port <= 65535;
  if (to !== '' && (workload === undefined || !isPort))
    complain(
      fields,
      'to',
      isPort ? `${quoted(name)} is not among \`workloads\`` : `${quoted(to)} has no good port`,
    );
  return { workload: workload ?? noWorkload, port: isPort ? port : 80 };
}

function readConnection(fields: Fields, destinationPort: number): ConnectionFacts {
  const from = fields.text('from') ?? 'none';
  const peer = from === 'none' ? undefined : readPeer(from, fields);
  const problem = fields.oneOf('certificate', certificateProblems);
  const shown = peer !== undefined || problem !== undefined;
  const tls = fields.oneOf('tls', ['mutual', 'one-way', 'none'] as const) ?? (shown ? 'mutual' : 'none');
  const alpn = fields.text('alpn');
  const sni = fields.text('sni');
  return Object.freeze({
    tls,
    peer: tls === 'mutual' && problem === undefined ? peer : undefined,
    ...(problem === undefined ? {} : { peerProblem: problem }),
    ...(alpn === undefined ? {} : { alpn: alpn === 'none' ? '' : alpn }),
    ...(sni === undefined ? {} : { sni }),
    sourceIp: readIp(fields, 'sourceIp') ?? parseIp('10.0.0.9'),
    remoteIp: readIp(fields, 'remoteIp'),
    destinationIp: readIp(fields, 'destinationIp') ?? parseIp('10.0.0.1'),
    destinationPort,
  });
}

function readPeer(text: string, fields: Fields): SpiffeId | undefined {
  const id = SpiffeId.tryParse(text.startsWith('spiffe://') ? text : `spiffe://${text}`);
  if (id === undefined) complain(fields, 'from', `${quoted(text)} is not a SPIFFE ID; write one, or none`);
  return id;
}

function readIp(fields: Fields, name: string): IpAddress | undefined {
  const text = fields.text(name);
  if (text === undefined) return undefined;
  const ip = parseIp(text);
  if (ip === undefined) complain(fields, name, `${quoted(text)} is not an IP address`);
  return ip;
}

/** `call: GET /items?x=1`; without it the case is a TCP connection. */
function readHttp(fields: Fields): HttpFacts | undefined {
  const call = fields.text('call');
  if (call === undefined) return undefined;
  const space = call.indexOf(' ');
  if (space < 1) complain(fields, 'call', `${quoted(call)} is not a method, a blank and a path`);
  const host = fields.text('host');
  const scheme = fields.text('scheme');
  return {
    method: call.slice(0, Math.max(space, 0)),
    path: call.slice(space + 1),
    authority: host ?? 'cart.shop.svc.cluster.local',
    ...(scheme === undefined ? {} : { scheme }),
    headers: readHeaders(fields),
  };
}

function readHeaders(fields: Fields): Map<string, readonly string[]> {
  const headers = new Map<string, readonly string[]>();
  const node = fields.get('headers');
  if (node === undefined) return headers;
  if (node.kind !== 'map') {
    complain(fields, 'headers', '`headers` must be an object of names and values');
    return headers;
  }
  for (const { key, value } of node.entries) {
    const items = value.kind === 'list' ? value.items : [value];
    headers.set(key.text.toLowerCase(), items.map(textOf));
  }
  return headers;
}

function withTokens(http: HttpFacts, { headers: extra, params }: TokensRead): HttpFacts {
  const headers = new Map(http.headers);
  for (const [name, values] of extra) headers.set(name, [...(headers.get(name) ?? []), ...values]);
  const query = params.join('&');
  const path = query === '' ? http.path : `${http.path}${http.path.includes('?') ? '&' : '?'}${query}`;
  return Object.freeze({ ...http, path, headers });
}

function readCustom(fields: Fields): ReadonlyMap<string, CustomResult> {
  const out = new Map<string, CustomResult>();
  for (const [provider, outcome] of fields.textMap('custom')) {
    if (outcome === 'allow' || outcome === 'deny' || outcome === 'unavailable')
      out.set(provider, { outcome });
    else complain(fields, 'custom', `${quoted(outcome)} is not one of allow, deny, unavailable`);
  }
  return out;
}

function readMetadata(node: MapNode) {
  return new Map(node.entries.map(({ key, value }) => [key.text, plainFields(value)]));
}

function textOf(node: PositionedNode): string {
  return node.kind === 'scalar' ? node.text : '';
}

/** Reports a value of a field that is well-formed and says nothing that can be used. */
export function complain(fields: Fields, name: string, message: string): void {
  fields.report.add('CAS0915', fields.get(name) ?? fields.node, message);
}
