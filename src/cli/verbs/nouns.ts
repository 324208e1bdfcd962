import type {
  AgentJson,
  AuditJson,
  IdentityJson,
  JoinTokenJson,
  ResourceJson,
  RevocationJson,
  RootJson,
  SettingJson,
  TrafficJson,
} from '../client/types.ts';
import type { View } from '../frame/output.ts';
import { formatInstant, formatRelative } from '../frame/times.ts';

/** How each noun of `get` looks. `now` makes times relative. */
export type NounView<T> = (now: number) => View<T>;

const relative = (text: string, now: number) => formatRelative(Date.parse(text), now);
const asIs = (item: object) => item;

export const identityView: NounView<IdentityJson> = (now) => ({
  kind: 'Identity',
  name: ({ serial }) => serial,
  toJson: asIs,
  columns: [
    { header: 'spiffe id', cell: ({ spiffeId }) => spiffeId },
    { header: 'state', cell: ({ state }) => state, drop: 1 },
    { header: 'ends', cell: ({ notAfter }) => relative(notAfter, now) },
    { header: 'serial', cell: ({ serial }) => serial, drop: 3 },
    { header: 'by', cell: ({ callerMethod }) => callerMethod, drop: 2 },
    { header: 'issued', cell: ({ issuedAt }) => relative(issuedAt, now), wide: true },
    { header: 'caller', cell: ({ caller }) => caller, wide: true },
    { header: 'from', cell: ({ peerAddress }) => peerAddress, wide: true },
    { header: 'request', cell: ({ requestId }) => requestId, wide: true },
  ],
});

/** A fingerprint in groups of four, as people compare them. */
export function grouped(hex: string): string {
  return hex.replace(/(.{4})(?=.)/g, '$1 ');
}

export const rootView: NounView<RootJson> = (now) => ({
  kind: 'Root',
  name: ({ fingerprint }) => fingerprint,
  toJson: asIs,
  columns: [
    { header: 'role', cell: ({ role }) => role },
    { header: 'state', cell: ({ state }) => state },
    { header: 'ends', cell: ({ notAfter }) => relative(notAfter, now) },
    {
      header: 'renews',
      cell: ({ renewsAt }) => (renewsAt === undefined ? '-' : relative(renewsAt, now)),
      drop: 1,
    },
    {
      header: 'fingerprint (sha-256)',
      cell: ({ fingerprint }) => `${grouped(fingerprint.slice(0, 16))} ...`,
    },
    { header: 'subject', cell: ({ subject }) => subject ?? '', wide: true },
    { header: 'whole fingerprint', cell: ({ fingerprint }) => fingerprint, wide: true },
  ],
});

export const tokenView: NounView<JoinTokenJson> = (now) => ({
  kind: 'JoinToken',
  name: ({ id }) => id,
  toJson: asIs,
  columns: [
    { header: 'id', cell: ({ id }) => id },
    { header: 'spiffe id', cell: ({ spiffeId }) => spiffeId },
    { header: 'ends', cell: ({ expiresAt }) => relative(expiresAt, now) },
    { header: 'made', cell: ({ createdAt }) => relative(createdAt, now), drop: 1 },
  ],
});

export const auditView: NounView<AuditJson> = () => ({
  kind: 'AuditEntry',
  name: ({ sequence }) => String(sequence),
  toJson: asIs,
  columns: [
    { header: 'no', cell: ({ sequence }) => String(sequence), alignRight: true },
    { header: 'at', cell: ({ at }) => formatInstant(Math.floor(Date.parse(at) / 1000) * 1000), drop: 3 },
    { header: 'action', cell: ({ action }) => action },
    { header: 'object', cell: ({ object }) => object, shrink: true },
    { header: 'actor', cell: ({ actor }) => actor, drop: 1 },
    { header: 'result', cell: ({ result }) => result },
    { header: 'request', cell: ({ requestId }) => requestId, wide: true },
  ],
});

export const revocationView: NounView<RevocationJson> = (now) => ({
  kind: 'Revocation',
  name: ({ serial, spiffeId }) => serial ?? spiffeId ?? '',
  toJson: asIs,
  columns: [
    { header: 'what', cell: ({ serial, spiffeId }) => serial ?? spiffeId ?? '' },
    { header: 'since', cell: ({ at }) => relative(at, now) },
    { header: 'reason', cell: ({ reason }) => reason, shrink: true },
    { header: 'by', cell: ({ actor }) => actor, drop: 2 },
  ],
});

export const settingView = (showOrigin: boolean): View<SettingJson> => ({
  kind: 'Setting',
  name: ({ name }) => name,
  toJson: asIs,
  columns: [
    { header: 'name', cell: ({ name }) => name },
    { header: 'value', cell: ({ value }) => settingText(value), shrink: true },
    ...(showOrigin ? [{ header: 'origin', cell: ({ origin }: SettingJson) => origin, shrink: true }] : []),
  ],
});

function settingText(value: unknown): string {
  if (value === undefined || value === null) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export const resourceView: NounView<ResourceJson> = (now) => ({
  kind: 'Resource',
  name: ({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`,
  toJson: asIs,
  columns: [
    { header: 'kind', cell: ({ kind }) => kind },
    { header: 'namespace', cell: ({ metadata }) => metadata.namespace },
    { header: 'name', cell: ({ metadata }) => metadata.name },
    { header: 'version', cell: ({ metadata }) => String(metadata.resourceVersion), drop: 1 },
    { header: 'age', cell: ({ metadata }) => relative(String(metadata.creationTimestamp), now), drop: 2 },
  ],
});

export const agentView: NounView<AgentJson> = (now) => ({
  kind: 'Agent',
  name: ({ id }) => id,
  toJson: asIs,
  columns: [
    { header: 'agent', cell: ({ id }) => id.replace(/^spiffe:\/\/[^/]+\/castellan\/agent\//, '') },
    { header: 'state', cell: ({ state }) => state },
    { header: 'seen', cell: ({ connected, lastSeenAt }) => (connected ? 'now' : relative(lastSeenAt, now)) },
    { header: 'ends', cell: ({ notAfter }) => relative(notAfter, now) },
    { header: 'identities', cell: ({ registrations }) => String(registrations), alignRight: true, drop: 2 },
    { header: 'svids', cell: ({ svids }) => String(svids), alignRight: true, drop: 3 },
    { header: 'bundle', cell: (agent) => ownBundle(agent), alignRight: true, drop: 1 },
    { header: 'version', cell: ({ agentVersion }) => agentVersion, wide: true },
    { header: 'attested', cell: ({ attestedAt }) => relative(attestedAt, now), wide: true },
    { header: 'spiffe id', cell: ({ id }) => id, wide: true },
    { header: 'note', cell: noteOf, shrink: true },
  ],
});

function noteOf({ reason, refused, decisionsDropped }: AgentJson): string {
  const lost = decisionsDropped > 0 ? [`${decisionsDropped} decision records lost in a flood`] : [];
  return [reason, refused, ...lost].filter((text) => text !== undefined).join('; ');
}

export const trafficView: NounView<TrafficJson> = (now) => ({
  kind: 'Traffic',
  name: ({ caller, destination, method, path }) => `${caller} ${destination} ${method} ${path}`.trim(),
  toJson: asIs,
  columns: [
    { header: 'from', cell: ({ caller }) => caller, shrink: true },
    { header: 'to', cell: ({ destination, port }) => `${destination}:${port}` },
    {
      header: 'call',
      cell: ({ method, path }) => (method === '' ? 'tcp' : `${method} ${path}`),
      shrink: true,
    },
    { header: 'tls', cell: ({ tls }) => tls, drop: 2 },
    { header: 'allowed', cell: ({ allowed }) => String(allowed), alignRight: true },
    { header: 'denied', cell: ({ denied }) => String(denied), alignRight: true },
    { header: 'last', cell: ({ lastAt }) => relative(lastAt, now), drop: 1 },
  ],
});

/** The sequence of the agent's own trust domain. */
function ownBundle({ id, bundles }: AgentJson): string {
  const trustDomain = id.slice('spiffe://'.length).split('/', 1)[0];
  const held = bundles.find((bundle) => bundle.trustDomain === trustDomain);
  return held === undefined ? '-' : String(held.sequence);
}
