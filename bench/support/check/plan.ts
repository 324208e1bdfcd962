import { create, toBinary } from '@bufbuild/protobuf';
import { CheckRequestSchema } from '../../../src/wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import { FakeTokenIssuer } from '../../../test/fakes/token-issuer.ts';
import { ask, cartEntry } from '../../../test/support/check-harness.ts';

export interface ServePlan {
  readonly kind: 'castellan' | 'empty-grpc' | 'empty-http';
  readonly policies: number;
  /** Keys of the issuer, when the policies want a token. */
  readonly jwks?: string | undefined;
  /** The policies know callers by address: an HTTP door is told no identity without its certificate. */
  readonly byAddress?: boolean;
  /** The issuer's keys are fetched from a server of it, as they are refreshed. */
  readonly isFetched?: boolean;
  /** Processes behind the doors; 0 or none: this one alone. */
  readonly workers?: number;
}

export function parsePlan(text: string): ServePlan {
  return JSON.parse(text) as ServePlan;
}

const batch = 500;

const policy = (namespace: string, name: string, spec: object) =>
  JSON.stringify({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name, namespace },
    spec,
  });

/** That many policies, two of them about the workload that is asked about; in documents that may be applied. */
export function policyTexts({ policies, jwks, byAddress }: ServePlan, jwksUri?: string): readonly string[] {
  const keys = jwksUri === undefined ? jwks && { jwks } : { jwksUri };
  const source = byAddress
    ? { ipBlocks: ['10.0.0.0/8', '127.0.0.0/8'] }
    : keys === undefined
      ? { principals: ['cluster.local/ns/web/sa/front'] }
      : { principals: ['cluster.local/ns/web/sa/front'], requestPrincipals: ['*'] };
  const to = [{ operation: { methods: ['GET'], paths: ['/items*'] } }];
  const about = [
    policy('shop', 'front', { rules: [{ from: [{ source }], to }] }),
    policy('shop', 'closed', { action: 'DENY', rules: [{ to: [{ operation: { paths: ['/admin*'] } }] }] }),
  ];
  if (keys !== undefined)
    about.push(
      JSON.stringify({
        apiVersion: 'security.istio.io/v1',
        kind: 'RequestAuthentication',
        metadata: { name: 'tokens', namespace: 'shop' },
        spec: { jwtRules: [{ issuer: 'https://issuer.example', ...keys }] },
      }),
    );
  for (let i = about.length; i < policies; i++)
    about.push(
      policy(`namespace-${i % 100}`, `policy-${i}`, {
        selector: { matchLabels: { app: `app-${Math.floor(i / 100)}` } },
        action: i % 5 === 4 ? 'DENY' : 'ALLOW',
        rules: [
          {
            from: [{ source: { principals: [`cluster.local/ns/web/sa/caller-${i}`] } }],
            to: [{ operation: { methods: ['GET'], paths: [`/api/${i}/*`] } }],
          },
        ],
      }),
    );
  const texts = [cartEntry];
  for (let i = 0; i < about.length; i += batch) texts.push(about.slice(i, i + batch).join('\n---\n'));
  return texts;
}

export const issuer = new FakeTokenIssuer();
export const jwks = issuer.jwks();

/** What a browser and a tracing proxy send along: twenty lines with the pseudo headers. */
export function headersOf(withToken: boolean, from = issuer): Readonly<Record<string, string>> {
  const token = from.token({
    sub: 'ada',
    exp: Math.floor(Date.now() / 1000) + 86_400,
    scope: 'read write',
  });
  return {
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'accept-encoding': 'gzip, deflate, br, zstd',
    'accept-language': 'en-GB,en;q=0.7,de;q=0.3',
    'cache-control': 'no-cache',
    cookie: 'session=5f2d8c1e9a; theme=dark',
    dnt: '1',
    referer: 'https://shop.example/start',
    'sec-fetch-dest': 'document',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-site': 'same-origin',
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    'x-envoy-internal': 'true',
    'x-forwarded-proto': 'https',
    'x-request-id': '5a3c1f0e-1b2d-4c3e-9f8a-7b6c5d4e3f2a',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    ...(withToken ? { authorization: `Bearer ${token}` } : { 'x-team': 'garnet' }),
  };
}

/** One question, framed as gRPC sends it. */
export function checkBody(withToken: boolean): Buffer {
  const message = toBinary(
    CheckRequestSchema,
    create(CheckRequestSchema, ask({ path: '/items?page=2', headers: headersOf(withToken) })),
  );
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The same at the forward-auth door, its headers as h2load takes them. */
export function forwardAuthHeaders(): readonly string[] {
  const words = {
    'x-forwarded-method': 'GET',
    'x-forwarded-uri': '/items?page=2',
    'x-forwarded-host': 'cart.shop',
    'x-forwarded-proto': 'https',
    'x-forwarded-for': '10.0.0.7',
  };
  const { 'x-forwarded-proto': _, ...headers } = headersOf(false);
  return Object.entries({ ...headers, ...words }).map(([name, value]) => `${name}: ${value}`);
}
