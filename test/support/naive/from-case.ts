/** A PolicyTest's plain YAML in the naive evaluator's own form, read independently of the engine's reader. */
import type { PlainConnection, PlainRequest, PlainToken, PlainWorkload } from './model.ts';

type Plain = Readonly<Record<string, unknown>>;

const meshHttp = ['istio-h2', 'istio-http/1.0', 'istio-http/1.1'];
const meshTcp = ['istio', 'istio-peer-exchange'];

function connection({ from, tls, alpn, certificate }: Plain): PlainConnection {
  const isShown = (from !== undefined && from !== 'none') || certificate !== undefined;
  const kind = (tls ?? (isShown ? 'mutual' : 'none')) as PlainConnection['tls'];
  return {
    tls: kind,
    alpn:
      alpn === undefined
        ? 'untold'
        : meshHttp.includes(alpn as string)
          ? 'mesh-http'
          : meshTcp.includes(alpn as string)
            ? 'mesh-tcp'
            : 'foreign',
    certificate: kind !== 'mutual' || !isShown ? 'none' : certificate === undefined ? 'good' : 'bad',
  };
}

const faults: Readonly<Record<string, PlainToken['problem']>> = {
  malformed: 'malformed',
  'bad-signature': 'bad-signature',
  'no-matching-key': 'no-key',
  'keys-unavailable': 'jwks-unavailable',
  expired: 'expired',
  'not-yet-valid': 'not-yet-valid',
};

function tokens(one: Plain): PlainToken[] {
  const short = one.jwt === undefined ? [] : [{ claims: one.jwt as Plain }];
  const long = ((one.tokens ?? []) as Plain[]).map((token): PlainToken => {
    const { header, prefix, param, cookie } = token as Record<string, string | undefined>;
    const isPlaced = header !== undefined || param !== undefined || cookie !== undefined;
    const problem = faults[token.fault as string];
    return {
      claims: (token.claims ?? {}) as Plain,
      ...(isPlaced ? { in: { header, prefix: prefix ?? '', param, cookie } as PlainToken['in'] } : {}),
      ...(problem === undefined ? {} : { problem }),
    } as PlainToken;
  });
  return [...short, ...long];
}

function headers(one: Plain): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries((one.headers ?? {}) as Plain).map(([name, value]) => [
      name.toLowerCase(),
      (Array.isArray(value) ? value : [value]).map(String),
    ]),
  );
}

export function requestFromCase(one: Plain): PlainRequest {
  const to = one.to as string;
  const call = one.call as string | undefined;
  const from = one.from === undefined || one.from === 'none' ? undefined : (one.from as string);
  const space = call?.indexOf(' ') ?? 0;
  const optional = (name: string) => (one[name] === undefined ? {} : { [name]: one[name] });
  return {
    ...(from === undefined ? {} : { from: from.startsWith('spiffe://') ? from : `spiffe://${from}` }),
    ...connection(one),
    port: to.includes(':') ? Number(to.slice(to.lastIndexOf(':') + 1)) : 80,
    sourceIp: (one.sourceIp as string | undefined) ?? '10.0.0.9',
    destinationIp: (one.destinationIp as string | undefined) ?? '10.0.0.1',
    ...optional('remoteIp'),
    ...optional('sni'),
    ...optional('metadata'),
    ...(call === undefined
      ? {}
      : {
          http: {
            method: call.slice(0, space),
            path: call.slice(space + 1),
            host: (one.host as string | undefined) ?? 'cart.shop.svc.cluster.local',
            ...optional('scheme'),
            headers: headers(one),
          },
        }),
    tokens: tokens(one),
    custom: (one.custom ?? {}) as PlainRequest['custom'],
  };
}

export function workloadFromCase(name: string, plain: Plain): PlainWorkload {
  const ports = Object.entries((plain.ports ?? {}) as Record<string, string>);
  const namespace = (plain.namespace as string | undefined) ?? 'default';
  const services = (list: unknown) =>
    ((list ?? []) as string[]).map((one) => (one.includes('/') ? one : `${namespace}/${one}`));
  return {
    name,
    namespace,
    labels: (plain.labels ?? {}) as Record<string, string>,
    ports: Object.fromEntries(ports.map(([port, kind]) => [port, kind.toUpperCase()])) as NonNullable<
      PlainWorkload['ports']
    >,
    proxy: (plain.proxy ?? 'sidecar') as NonNullable<PlainWorkload['proxy']>,
    ...(plain.gatewayName === undefined ? {} : { gatewayName: plain.gatewayName as string }),
    services: services(plain.services),
    serviceEntries: services(plain.serviceEntries),
  };
}
