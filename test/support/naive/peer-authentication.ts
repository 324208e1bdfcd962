/** PeerAuthentication, naive: find the mode, then look the connection up in the table. */
import type { PlainPolicy, PlainRequest, PlainWorkload } from './model.ts';

export type Mode = 'UNSET' | 'DISABLE' | 'PERMISSIVE' | 'STRICT';

interface PeerSpec {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly mtls?: { readonly mode?: Mode };
  readonly portLevelMtls?: Readonly<Record<string, { readonly mode?: Mode }>>;
}

const spec = (policy: PlainPolicy | undefined) => (policy?.spec ?? {}) as PeerSpec;
const labels = (policy: PlainPolicy) => Object.entries(spec(policy).selector?.matchLabels ?? {});

function oldest(policies: readonly PlainPolicy[]): PlainPolicy | undefined {
  const age = (p: PlainPolicy) => Date.parse(p.metadata.creationTimestamp ?? '1970-01-01T00:00:00Z');
  const name = (p: PlainPolicy) => `${p.metadata.name}/${p.metadata.namespace}`;
  return [...policies].sort((a, b) => age(a) - age(b) || (name(a) < name(b) ? -1 : 1))[0];
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

/** What becomes of the connection: PeerAuthentication's mode by what the connection is, per port protocol. */
export function decidePeer(mode: Mode, workload: PlainWorkload, request: PlainRequest): PeerVerdict {
  const kind = workload.ports?.[String(request.port)] ?? 'AUTO';
  const plain: PeerVerdict = { accepted: true, seesHttp: kind !== 'TCP' };
  const known: PeerVerdict = { accepted: true, identity: request.from ?? '', seesHttp: kind !== 'TCP' };
  const opaque: PeerVerdict = { accepted: true, seesHttp: false };
  switch (request.tls) {
    case 'none':
      return mode === 'STRICT' ? reject : plain;
    case 'mutual':
      return mode === 'DISABLE' ? (kind === 'HTTP' ? reject : opaque) : known;
    case 'mesh-alpn-without-certificate':
      return mode === 'DISABLE' && kind !== 'HTTP' ? opaque : reject;
    case 'mutual-foreign-alpn':
      if (mode === 'STRICT') return kind === 'AUTO' ? { ...known, seesHttp: false } : known;
      return kind === 'HTTP' ? reject : opaque;
    case 'one-way':
      return mode === 'STRICT' || kind === 'HTTP' ? reject : opaque;
  }
}
