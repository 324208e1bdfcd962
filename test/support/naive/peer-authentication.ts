/** PeerAuthentication, naive: find the mode, then look the connection up in the table. */
import type { PlainMesh, PlainPolicy, PlainRequest, PlainWorkload } from './model.ts';

export type Mode = 'UNSET' | 'DISABLE' | 'PERMISSIVE' | 'STRICT';

interface PeerSpec {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly mtls?: { readonly mode?: Mode };
  readonly portLevelMtls?: Readonly<Record<string, { readonly mode?: Mode }>>;
}

const spec = (policy: PlainPolicy | undefined) => (policy?.spec ?? {}) as PeerSpec;
const labels = (policy: PlainPolicy) => Object.entries(spec(policy).selector?.matchLabels ?? {});

function oldest(policies: readonly PlainPolicy[]): PlainPolicy | undefined {
  // One without an age is younger than any with.
  const age = (p: PlainPolicy) => p.metadata.creationTimestamp ?? '9999';
  const text = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return [...policies].sort(
    (a, b) =>
      text(age(a), age(b)) ||
      text(a.metadata.name, b.metadata.name) ||
      text(a.metadata.namespace, b.metadata.namespace),
  )[0];
}

export function peerMode(
  policies: readonly PlainPolicy[],
  root: string,
  workload: PlainWorkload,
  port: number,
): Mode {
  if (port === 15008) return 'STRICT';
  const all = policies.filter((p) => p.kind === 'PeerAuthentication');
  const mesh = oldest(all.filter((p) => p.metadata.namespace === root && labels(p).length === 0));
  const inNamespace = all.filter(
    (p) => p.metadata.namespace === workload.namespace && p.metadata.namespace !== root,
  );
  const namespace = oldest(inNamespace.filter((p) => labels(p).length === 0));
  const own = oldest(
    inNamespace.filter(
      (p) => labels(p).length > 0 && labels(p).every(([k, v]) => workload.labels?.[k] === v),
    ),
  );
  let mode: Mode = 'PERMISSIVE';
  for (const level of [mesh, namespace, own]) {
    const wanted = spec(level).mtls?.mode ?? 'UNSET';
    if (wanted !== 'UNSET') mode = wanted;
  }
  const atPort = spec(own).portLevelMtls?.[String(port)]?.mode ?? 'UNSET';
  return atPort === 'UNSET' ? mode : atPort;
}

export interface PeerVerdict {
  readonly accepted: boolean;
  readonly identity?: string;
  readonly seesHttp: boolean;
}

const reject: PeerVerdict = { accepted: false, seesHttp: false };

function isOurs(id: string | undefined, mesh: PlainMesh): boolean {
  if (mesh.skipTrustDomainValidation) return true;
  const listed = (mesh.caCertificates ?? []).flatMap(({ trustDomains }) => trustDomains ?? []);
  const accepted = [mesh.trustDomain ?? 'cluster.local', ...(mesh.trustDomainAliases ?? []), ...listed];
  return accepted.some((one) => id === `spiffe://${one}` || id?.startsWith(`spiffe://${one}/`));
}

/** What becomes of the connection: PeerAuthentication's mode by what the connection is, per port protocol. */
export function decidePeer(
  mode: Mode,
  workload: PlainWorkload,
  request: PlainRequest,
  mesh: PlainMesh,
): PeerVerdict {
  const { tls, alpn, certificate } = request;
  const kind = workload.ports?.[String(request.port)] ?? 'AUTO';
  const seesHttp = request.http !== undefined && kind !== 'TCP';
  const anonymous: PeerVerdict = { accepted: true, seesHttp };
  const known: PeerVerdict =
    certificate === 'good' && isOurs(request.from, mesh)
      ? { accepted: true, identity: request.from ?? '', seesHttp }
      : reject;
  const opaque: PeerVerdict = { accepted: true, seesHttp: false };
  // A Gateway's own TLS settings decided already; a certificate that was shown still has to be good.
  if (workload.proxy === 'gateway') return tls === 'mutual' ? known : anonymous;
  if (tls === 'none') return mode === 'STRICT' ? reject : anonymous;
  if (workload.proxy === 'ztunnel') return known;
  const asTcp = (verdict: PeerVerdict) => ({ ...verdict, seesHttp: false });
  if (mode === 'STRICT') {
    const isTcp = kind === 'AUTO' && (alpn === 'foreign' || alpn === 'mesh-tcp');
    return isTcp ? asTcp(known) : known;
  }
  // Whoever ended the TLS before the question was asked did not tell the protocol.
  if (alpn === 'untold' && (mode === 'DISABLE' || tls === 'one-way')) return anonymous;
  if (mode === 'DISABLE') return kind === 'HTTP' ? reject : opaque;
  if (alpn === 'foreign') return kind === 'HTTP' ? reject : opaque;
  return kind === 'AUTO' && alpn === 'mesh-tcp' ? asTcp(known) : known;
}
