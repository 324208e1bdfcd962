import type { IncomingMessage } from 'node:http';
import { Interned } from '../../base/interned.ts';
import { parseXfcc } from '../../identity/index.ts';
import type { DestinationClaim, Dialect, SourceClaim } from '../../operations/check-request/index.ts';
import { certificateOf, destinationOf, Forwarded, type Heard, Unreadable } from './forwarded.ts';

/** One way of asking over HTTP. Each reads its own headers and nothing else: none is tried in place of another. */
export interface HttpDialect {
  readonly name: Exclude<Dialect, 'ext-authz' | 'authzen'>;
  /** A path; that of Envoy's dialect stands before the request's own. */
  readonly url: string;
  /** Methods of the call itself; undefined: any, for it is the request's own. */
  readonly methods: ReadonlySet<string> | undefined;
  read(message: IncomingMessage): Heard;
}

const asks: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST']);
const extAuthzPrefix = '/authz/ext-authz/';

const extAuthzNames = new Set(['x-forwarded-client-cert', 'x-real-ip']);

function requiredIp(forwarded: Forwarded) {
  forwarded.required('x-real-ip');
  return forwarded.clientIp('x-real-ip');
}

/**
 * Envoy's HTTP ext_authz: the request itself, under `path_prefix: /authz/ext-authz/<namespace>/<name>[:port]`, with the
 * client's address in X-Real-IP.
 */
const extAuthz: HttpDialect = {
  name: 'ext-authz-http',
  url: extAuthzPrefix,
  methods: undefined,
  read(message) {
    const forwarded = new Forwarded(message);
    const rest = (message.url ?? '').slice(extAuthzPrefix.length);
    const found = /^([^/?]+)\/([^/?:]+)(?::([^/?]*))?(\/.*)$/s.exec(rest);
    if (found === null) throw new Unreadable('the path is not /authz/ext-authz/<namespace>/<name>[:port]/…');
    const [, namespace = '', name = '', port, path = ''] = found;
    const destination = destinationOf(`${namespace}/${name}`, port);
    return {
      // Not from X-Forwarded-For: Envoy writes itself at its end when it asks.
      source: { ...forwardedPeer(forwarded), ip: requiredIp(forwarded) },
      destination,
      isTls: forwarded.lines('x-forwarded-client-cert').length > 0,
      http: {
        method: message.method ?? '',
        path,
        authority: forwarded.required('host'),
        scheme: forwarded.optional('x-forwarded-proto'),
        headers: forwarded.takeHeaders(extAuthzNames),
      },
    };
  },
};

/** D2, Z34: the element of the nearest hop alone, with exactly one URI. */
function forwardedPeer(forwarded: Forwarded): SourceClaim {
  const text = forwarded.optional('x-forwarded-client-cert');
  if (text === undefined || text === '') return {};
  const parsed = parseXfcc(text);
  if (!parsed.ok) throw new Unreadable(`x-forwarded-client-cert is malformed (${parsed.fault})`);
  const nearest = parsed.elements.at(-1);
  const [uri, ...more] = nearest?.get('uri') ?? [];
  if (more.length > 0) throw new Unreadable('x-forwarded-client-cert names two URIs');
  const [certificate] = nearest?.get('cert') ?? [];
  return { principal: uri ?? '', certificate };
}

const forwardedNames = new Set([
  'x-forwarded-method',
  'x-forwarded-uri',
  'x-forwarded-host',
  'x-forwarded-tls-client-cert',
  'x-ssl-client-cert',
]);

/** Traefik ForwardAuth, Caddy forward_auth, HAProxy: X-Forwarded-*, at a URL with `?workload=<namespace>/<name>&port=`. */
const forwardAuth: HttpDialect = {
  name: 'forward-auth',
  url: '/authz/forward-auth',
  methods: asks,
  read(message) {
    const forwarded = new Forwarded(message);
    const path = forwarded.required('x-forwarded-uri');
    if (!path.startsWith('/')) throw new Unreadable('x-forwarded-uri does not begin with a slash');
    const scheme = forwarded.single('x-forwarded-proto').toLowerCase();
    const peer = certificateOf(forwarded);
    const http = {
      method: forwarded.single('x-forwarded-method'),
      path,
      authority: forwarded.single('x-forwarded-host'),
      scheme,
      headers: forwarded.takeHeaders(forwardedNames),
    };
    return {
      source: { ...peer, ip: forwarded.clientIp() },
      destination: configured(message),
      isTls: peer.certificate !== undefined,
      http,
    };
  },
};

const originalNames = new Set(['x-original-method', 'x-original-url', 'x-real-ip', 'x-ssl-client-cert']);

/** nginx auth_request: X-Original-Method and X-Original-URL (`$scheme://$http_host$request_uri`), as configured. */
const authRequest: HttpDialect = {
  name: 'auth-request',
  url: '/authz/auth-request',
  methods: asks,
  read(message) {
    const forwarded = new Forwarded(message);
    const url = /^(https?):\/\/([^/?#\s]+)(\/.*)$/s.exec(forwarded.required('x-original-url'));
    if (url === null) throw new Unreadable('x-original-url is not scheme://host/path');
    const [, scheme, authority, path = ''] = url;
    const peer = certificateOf(forwarded);
    return {
      source: { ...peer, ip: forwarded.clientIp('x-real-ip') ?? forwarded.clientIp() },
      destination: configured(message),
      isTls: peer.certificate !== undefined,
      http: {
        method: forwarded.single('x-original-method'),
        path,
        authority,
        scheme,
        headers: forwarded.takeHeaders(originalNames),
      },
    };
  },
};

const mostUrls = 1_000;
const longestKept = 512;
const known = new Interned(mostUrls, readConfigured);

/** From the URL that the operator configured, a few for each proxy: a client has no hand in it. */
function configured({ url = '' }: IncomingMessage): DestinationClaim {
  return url.length <= longestKept ? known.of(url) : readConfigured(url);
}

function readConfigured(url: string): DestinationClaim {
  const params = new URLSearchParams(url.slice(url.indexOf('?') === -1 ? url.length : url.indexOf('?') + 1));
  const [workload, ...others] = params.getAll('workload');
  if (workload === undefined || others.length > 0)
    throw new Unreadable('the URL of this door needs one `workload=<namespace>/<name>`');
  return destinationOf(workload, params.get('port') ?? undefined);
}

const byPath: ReadonlyMap<string, HttpDialect> = new Map(
  [forwardAuth, authRequest].map((dialect) => [dialect.url, dialect]),
);

/** The dialect of the URL that is called; undefined when none has it, or not with this method. */
export function dialectOf({ url = '', method = '' }: IncomingMessage): HttpDialect | undefined {
  if (url.startsWith(extAuthz.url)) return extAuthz;
  const query = url.indexOf('?');
  const dialect = byPath.get(query === -1 ? url : url.slice(0, query));
  return dialect?.methods?.has(method) === false ? undefined : dialect;
}
