import type { SpiffeId } from '../../spiffe/index.ts';
import type { Clause } from '../match/clause.ts';
import type { AuthzRequest, ConnectionFacts, PortProtocol } from '../request.ts';
import type { Example, Examples } from './example.ts';
import { identityExamples } from './identities.ts';
import type { Side } from './sides.ts';

/** Peer, TLS, port, protocol and layer are one variable: peer authentication mixes them. */
export function connectionExamples(
  clauses: readonly Clause[],
  sides: readonly Side[],
  callers: readonly Clause[] | undefined,
): Examples {
  const settings = sides.map(({ snapshot }) => snapshot.settings);
  const trustDomains = settings.flatMap((side) => [
    ...side.trustDomains,
    ...(side.acceptedTrustDomains ?? []),
  ]);
  const namespaces = sides.flatMap(({ view }) => view.groups.map((group) => group.namespace));
  const { ids, isComplete } = identityExamples(callers ?? clauses, trustDomains, namespaces);
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
    label: peer.principal,
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
    label: `${channel.label} at port ${port}`,
    parts: {
      peer: channel.label,
      alpn: channel.facts.alpn ?? 'unknown',
      port: port === 1 ? 'any other port' : String(port),
      layer: isHttp && protocol !== 'tcp' ? 'HTTP' : 'TCP',
    },
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
