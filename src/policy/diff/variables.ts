import type { SpiffeId } from '../../spiffe/index.ts';
import type { Clause } from '../match/clause.ts';
import type { AuthzRequest, ConnectionFacts, HttpFacts, JsonData, PortProtocol } from '../request.ts';
import { addressExamples } from './addresses.ts';
import { type Example, type Examples, listsOf } from './example.ts';
import { identityExamples } from './identities.ts';
import { connection, preflight, type Side, signatureOf, token, type VariableName } from './sides.ts';
import { filler, pathExamples, pathSpellings, textExamples } from './texts.ts';
import { tokenExamples } from './tokens.ts';

/** A variable whose values fall into classes that neither side can tell apart. */
export interface Variable {
  readonly name: VariableName;
  readonly classes: readonly Example[][];
  readonly signatures: readonly (readonly (readonly (boolean | string)[])[])[];
  /** The class of a request's own value; undefined when no example has its signature. */
  readonly classOf: (request: AuthzRequest) => number | undefined;
  readonly isComplete: boolean;
}

export function makeVariable(
  name: VariableName,
  sides: readonly Side[],
  base: AuthzRequest,
  { examples, isComplete }: Examples,
): Variable {
  const classes: Example[][] = [];
  const signatures: (readonly (boolean | string)[])[][] = [];
  const byKey = new Map<string, number>();
  const sign = (request: AuthzRequest) => sides.map((side) => signatureOf(side, name, request));
  for (const example of examples) {
    const signature = sign(example.apply(base));
    const key = JSON.stringify(signature);
    const known = byKey.get(key);
    if (known !== undefined) classes[known]?.push(example);
    else {
      byKey.set(key, classes.length);
      classes.push([example]);
      signatures.push(signature);
    }
  }
  return {
    name,
    classes,
    signatures,
    isComplete,
    classOf: (request) => byKey.get(JSON.stringify(sign(request))),
  };
}

/** The variables of a workload in the order of the diagram, each with examples from what both sides say. */
export function examplesFor(name: VariableName, sides: readonly Side[], base: AuthzRequest): Examples {
  const clauses = sides.flatMap((side) => side.clauses.get(name) ?? []);
  const wanted = clauses.flatMap((clause) => clause.wanted);
  const complete = (examples: readonly Example[]): Examples => ({ examples, isComplete: true });
  switch (name) {
    case connection:
      return connectionExamples(clauses, sides);
    case token:
      return tokenExamples(clauses, sides);
    case preflight:
      return complete([
        { label: 'no preflight', apply: (request) => request },
        { label: 'CORS preflight', apply: asPreflight },
      ]);
    case 'path':
      return complete(pathRequests(wanted, sides));
    case 'method':
      return complete(
        [...textExamples(wanted.filter(isMethodLike)), 'OPTIONS', 'GET'].map((text) =>
          httpExample('method', text.toUpperCase()),
        ),
      );
    case 'authority':
      return complete(
        [...hostTexts(wanted), ...hostTexts(wanted).flatMap(hostSpellings)].map((text) =>
          httpExample('authority', text),
        ),
      );
    case 'sni':
      return complete(
        ['', ...textExamples(wanted)].map((sni) => onConnection(sni === '' ? 'no SNI' : sni, { sni })),
      );
    case 'sourceIp':
    case 'remoteIp':
    case 'destinationIp':
      return complete(
        [undefined, ...addressExamples(wanted)].map((ip) =>
          onConnection(ip?.text ?? 'unknown', { [name]: ip }),
        ),
      );
    default:
      return complete(openExamples(name, wanted, base));
  }
}

function onConnection(label: string, facts: Partial<ConnectionFacts>): Example {
  return { label, apply: (request) => ({ ...request, connection: { ...request.connection, ...facts } }) };
}

function onHttp(label: string, facts: (http: HttpFacts) => Partial<HttpFacts>): Example {
  return {
    label,
    apply: (request) =>
      request.http === undefined
        ? request
        : { ...request, http: { ...request.http, ...facts(request.http) } },
  };
}

function httpExample(part: 'method' | 'authority' | 'path', text: string): Example {
  return onHttp(text, () => ({ [part]: text }));
}

function asPreflight(request: AuthzRequest): AuthzRequest {
  if (request.http === undefined) return request;
  const headers = new Map(request.http.headers);
  headers.set('origin', [filler]).set('access-control-request-method', ['GET']);
  return { ...request, http: { ...request.http, headers } };
}

/** Patterns that some upper-case method can match. */
function isMethodLike(value: string): boolean {
  return value === value.toUpperCase();
}

function hostTexts(wanted: readonly string[]): readonly string[] {
  return [...textExamples(wanted.map((value) => value.toLowerCase())), `${filler}.example`];
}

function hostSpellings(host: string): readonly string[] {
  return [`${host}:8080`, `${host}.`, `user@${host}`];
}

/** Raw spellings as well: the two sides may normalise differently, and each refuses some. */
function pathRequests(wanted: readonly string[], sides: readonly Side[]): readonly Example[] {
  const paths = pathExamples(wanted);
  const levels = new Set(
    sides.map(({ snapshot: { settings } }) =>
      JSON.stringify([settings.pathNormalization, settings.strict, settings.stripPathParameters]),
    ),
  );
  const spellings = pathSpellings(levels.size > 1 ? paths : paths.slice(0, 40));
  return [...paths, ...spellings].map((path) => httpExample('path', path));
}

/** Headers, metadata and providers: a handful of values each. */
function openExamples(name: VariableName, wanted: readonly string[], base: AuthzRequest): readonly Example[] {
  if (name.startsWith('custom ')) return customExamples(name.slice('custom '.length));
  if (name.startsWith('request.headers['))
    return headerExamples(name.slice('request.headers['.length, -1), wanted);
  if (name.startsWith('metadata[')) return metadataExamples(name, wanted);
  return [{ label: 'any', apply: () => base }];
}

function customExamples(provider: string): readonly Example[] {
  return (['allow', 'deny', 'unavailable'] as const).map((outcome) => ({
    label: `${provider}: ${outcome}`,
    apply: (request) => ({
      ...request,
      custom: new Map([...(request.custom ?? []), [provider, { outcome }]]),
    }),
  }));
}

/** Absent, one line, two lines, and all at once. */
function headerExamples(header: string, wanted: readonly string[]): readonly Example[] {
  const texts = ['', ...textExamples(wanted)];
  const lines = listsOf(texts);
  const setHeader = (values: readonly string[] | undefined): Example =>
    onHttp(values === undefined ? `no ${header}` : `${header}: ${values.join(', ')}`, (http) => {
      const headers = new Map(http.headers);
      if (values === undefined) headers.delete(header);
      else headers.set(header, values);
      return { headers };
    });
  return [undefined, ...lines].map(setHeader);
}

function metadataExamples(name: VariableName, wanted: readonly string[]): readonly Example[] {
  const close = name.indexOf('][');
  const filter = name.slice('metadata['.length, close);
  const key = name.slice(close + 2, -1);
  const bare = wanted.map((value) => (value.startsWith('[') ? value.slice(1, -1) : value));
  const texts = textExamples(bare);
  const values: readonly JsonData[] = [undefined, ...texts, ...listsOf(texts)];
  return values.map((value) => ({
    label: `${key}: ${value === undefined ? 'absent' : JSON.stringify(value)}`,
    apply: (request) => ({
      ...request,
      dynamicMetadata: new Map([
        ...(request.dynamicMetadata ?? []),
        [filter, { ...request.dynamicMetadata?.get(filter), [key]: value }],
      ]),
    }),
  }));
}

/** Peer, TLS, port, protocol and layer are one variable: peer authentication mixes them. */
function connectionExamples(clauses: readonly Clause[], sides: readonly Side[]): Examples {
  const settings = sides.map(({ snapshot }) => snapshot.settings);
  const trustDomains = settings.flatMap((side) => [
    ...side.trustDomains,
    ...(side.acceptedTrustDomains ?? []),
  ]);
  const namespaces = sides.flatMap(({ view }) => view.groups.map((group) => group.namespace));
  const { ids, isComplete } = identityExamples(clauses, trustDomains, namespaces);
  const channels = [...plainChannels, ...ids.flatMap(mutualChannels)];
  const examples = portsOf(clauses, sides).flatMap((port) =>
    channels.flatMap((channel) => [true, false].map((isHttp) => connectionExample(port, channel, isHttp))),
  );
  return { examples, isComplete };
}

interface Channel {
  readonly label: string;
  readonly facts: Partial<ConnectionFacts>;
}

const anonymous = { peer: undefined, peerProblem: undefined };
const plainChannels: readonly Channel[] = [
  { label: 'plaintext', facts: { ...anonymous, tls: 'none', alpn: undefined } },
  { label: 'TLS without certificate', facts: { ...anonymous, tls: 'one-way', alpn: undefined } },
  { label: 'foreign TLS', facts: { ...anonymous, tls: 'one-way', alpn: 'h2' } },
  { label: 'mesh TLS without certificate', facts: { ...anonymous, tls: 'one-way', alpn: 'istio-h2' } },
  {
    label: 'untrusted certificate',
    facts: { tls: 'mutual', peer: undefined, peerProblem: 'untrusted-root', alpn: 'istio-h2' },
  },
];

function mutualChannels(peer: SpiffeId): readonly Channel[] {
  return ['istio-h2', 'istio', 'h2', undefined].map((alpn) => ({
    label: alpn === 'istio-h2' ? peer.principal : `${peer.principal} (${alpn ?? 'unknown ALPN'})`,
    facts: { tls: 'mutual', peer, peerProblem: undefined, alpn },
  }));
}

interface Port {
  readonly port: number;
  readonly protocol: PortProtocol;
}

/** Ports that a clause or a mode names, and one that none does; each as HTTP, TCP and sniffed. */
function portsOf(clauses: readonly Clause[], sides: readonly Side[]): readonly Port[] {
  const ports = new Set([1, 15008]);
  for (const { name, wanted } of clauses)
    if (
      name === 'operation.ports' ||
      name === 'operation.notPorts' ||
      name.startsWith('when[destination.port]')
    )
      for (const value of wanted) ports.add(Number(value));
  for (const { view } of sides) for (const port of view.mtls.ports.keys()) ports.add(port);
  return [...ports].flatMap((port) =>
    (['http', 'tcp', 'auto'] as const).map((protocol) => ({ port, protocol })),
  );
}

function connectionExample({ port, protocol }: Port, channel: Channel, isHttp: boolean): Example {
  return {
    label: `${channel.label} at ${isHttp ? 'HTTP' : 'TCP'} port ${port}${protocol === 'auto' ? '' : ` (${protocol})`}`,
    apply: (request) => ({
      ...request,
      destination: declarePort(request.destination, { port, protocol }),
      connection: { ...request.connection, ...channel.facts, destinationPort: port },
      http: isHttp ? request.http : undefined,
    }),
  };
}

const declared = new WeakMap<object, Map<string, AuthzRequest['destination']>>();

/** One object per workload and declaration, so that views are found again. */
function declarePort(
  workload: AuthzRequest['destination'],
  { port, protocol }: Port,
): AuthzRequest['destination'] {
  const known = declared.get(workload) ?? new Map<string, AuthzRequest['destination']>();
  declared.set(workload, known);
  const key = `${port} ${protocol}`;
  let found = known.get(key);
  if (found === undefined) {
    const ports = new Map(workload.ports);
    if (protocol === 'auto') ports.delete(port);
    else ports.set(port, protocol);
    found = { ...workload, ports };
    known.set(key, found);
  }
  return found;
}
