import { ask, type CheckInit } from './check-harness.ts';

/** `never`: not allowed in either mode. `default`: allowed as Istio would, refused in strict mode. `both`: allowed. */
export type Allowed = 'never' | 'default' | 'both';
export type BadCheck = readonly [what: string, init: CheckInit, allowed: Allowed];

const path = (text: string) => ask({ path: text });
const host = (text: string) => ask({ host: text });

interface HttpPart {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly scheme?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly headerMap?: readonly (readonly [string, string | Uint8Array])[];
}

/** An ordinary question with another HTTP part. */
function http({ headerMap, ...part }: HttpPart): CheckInit {
  const { attributes } = ask() as { attributes: object };
  const headers = headerMap?.map(([key, value]) =>
    typeof value === 'string' ? { key, value } : { key, rawValue: value },
  );
  return {
    attributes: {
      ...attributes,
      request: {
        http: {
          method: 'GET',
          path: '/items',
          host: 'cart.shop',
          ...part,
          ...(headers === undefined ? {} : { headerMap: { headers } }),
        },
      },
    } as never,
  };
}

/** An ordinary question with other attributes beside its own. */
function beside(more: object): CheckInit {
  const { attributes } = ask() as { attributes: object };
  return { attributes: { ...attributes, ...more } as never };
}

const httpPart = { method: 'GET', path: '/items', host: 'cart.shop' };

/** JSON nested that deep. */
function deepJson(depth: number): object {
  let value: object = {};
  for (let i = 0; i < depth; i++) value = { a: value };
  return value;
}

export const badPaths: readonly BadCheck[] = [
  ['an empty path', http({ path: '' }), 'never'],
  ['an asterisk for a path', path('*'), 'never'],
  ['no path at all', http({ path: undefined as never }), 'never'],
  ['an escaped slash', path('/items%2F'), 'never'],
  ['an escaped backslash', path('/items%5c..'), 'never'],
  ['a parameter', path('/items;x=/b'), 'never'],
  ['a fragment', path('/items#b'), 'default'],
  ['a fragment behind another path', path('/admin#/../items'), 'never'],
  ['an escaped NUL', path('/items%00'), 'never'],
  ['an escape that is none', path('/items%zz'), 'never'],
  ['an overlong escape', path('/items/..%c0%af'), 'never'],
  ['64 KiB of path', path(`/items${'a'.repeat(65_536)}`), 'never'],
  ['dots above the root', path('/../../items/../..'), 'never'],
  ['another path whole', path('http://cart.shop/admin'), 'never'],
  ['an authority for CONNECT', ask({ method: 'CONNECT', path: 'cart.shop:443' }), 'never'],
  ['an empty query', path('/items?'), 'both'],
  ['a query', path('/items?a=b#c'), 'default'],
];

export const badHosts: readonly BadCheck[] = [
  ['capitals', host('CART.shop'), 'both'],
  ['no host', http({ host: '' }), 'never'],
  ['an address', host('[::1]:80'), 'never'],
  ['user information', host('admin@cart.shop'), 'never'],
  ['punycode', host('xn--crt-hla.shop'), 'never'],
  ['two hosts', host('cart.shop,evil.example'), 'never'],
  ['a Host header of another name', ask({ headers: { host: 'admin.shop' } }), 'never'],
  ['an authority of another name', http({ headers: { ':authority': 'admin.shop' } }), 'never'],
  ['another path beside it', http({ headers: { ':path': '/admin' } }), 'never'],
  ['another method beside it', http({ headers: { ':method': 'POST' } }), 'never'],
];

export const badMethods: readonly BadCheck[] = [
  ['get', ask({ method: 'get' }), 'never'],
  ['GET and a blank', ask({ method: 'GET ' }), 'never'],
  ['no method', http({ method: '' }), 'never'],
  ['10 KiB of method', ask({ method: 'G'.repeat(10_240) }), 'never'],
  ['M-SEARCH', ask({ method: 'M-SEARCH' }), 'never'],
];

const latin = (text: string) => Buffer.from(text, 'latin1');

export const badHeaders: readonly BadCheck[] = [
  ['both forms at once', http({ headers: { a: 'b' }, headerMap: [['a', 'b']] }), 'never'],
  ['capitals in a name', http({ headerMap: [['X-Team', 'a']] }), 'both'],
  ['NUL in a name', http({ headerMap: [['x-\u0000a', 'b']] }), 'never'],
  ['no name', http({ headerMap: [['', 'b']] }), 'never'],
  ['a line break in a value', http({ headerMap: [['x-a', latin('b\r\nx-role: admin')]] }), 'never'],
  ['NUL in a value', http({ headers: { 'x-a': 'b\u0000' } }), 'never'],
  ['bytes that are no UTF-8', http({ headerMap: [['x-a', Uint8Array.of(0xc3, 0x28)]] }), 'never'],
  [
    'ten thousand headers',
    http({ headerMap: Array.from({ length: 10_000 }, (_, i) => [`x-${i}`, 'a']) }),
    'never',
  ],
  [
    'a pseudo header twice',
    http({
      headerMap: [
        [':path', '/items'],
        [':path', '/items'],
      ],
    }),
    'never',
  ],
  [
    'two Host headers',
    http({
      headerMap: [
        ['host', 'cart.shop'],
        ['host', 'cart.shop'],
      ],
    }),
    'never',
  ],
  [
    'names of prototypes',
    http({ headers: { constructor: 'a', toString: 'b', hasOwnProperty: 'c' } }),
    'both',
  ],
  ['a role among others in one line', http({ headers: { 'x-role': 'user,admin' } }), 'default'],
  [
    'a role on a second line',
    http({
      headerMap: [
        ['x-role', 'user'],
        ['X-ROLE', 'admin'],
      ],
    }),
    'never',
  ],
  ['a role with blanks around it', http({ headers: { 'x-role': ' admin ' } }), 'never'],
  ['a role with an underscore', http({ headers: { x_role: 'admin' } }), 'both'],
  [
    'words for another path',
    http({ path: '/admin', headers: { 'x-original-url': '/items', 'x-envoy-original-path': '/items' } }),
    'never',
  ],
  [
    'a word for another method',
    ask({ method: 'POST', headers: { 'x-http-method-override': 'GET' } }),
    'never',
  ],
];

const from = (principal: string) => ask({ principal });

export const badPrincipals: readonly BadCheck[] = [
  ['nothing', from(''), 'never'],
  ['a trust domain alone', from('spiffe://cluster.local'), 'never'],
  ['capitals', from('spiffe://CLUSTER.LOCAL/ns/web/sa/front'), 'never'],
  ['a capital scheme', from('SPIFFE://cluster.local/ns/web/sa/front'), 'never'],
  ['a doubled slash', from('spiffe://cluster.local//ns/web/sa/front'), 'never'],
  ['a slash at the end', from('spiffe://cluster.local/ns/web/sa/front/'), 'never'],
  ['a query', from('spiffe://cluster.local/ns/web/sa/front?x'), 'never'],
  ['a fragment', from('spiffe://cluster.local/ns/web/sa/front#x'), 'never'],
  ['a port', from('spiffe://cluster.local:443/ns/web/sa/front'), 'never'],
  ['user information', from('spiffe://a@cluster.local/ns/web/sa/front'), 'never'],
  ['dots', from('spiffe://cluster.local/ns/x/../web/sa/front'), 'never'],
  ['a host name', from('front.web.svc.cluster.local'), 'never'],
  ['a subject', from('CN=spiffe://cluster.local/ns/web/sa/front'), 'never'],
  ['3 KiB', from(`spiffe://cluster.local/ns/web/sa/${'a'.repeat(3_000)}`), 'never'],
  ['a letter where the policy has a dot', from('spiffe://clusterXlocal/ns/web/sa/front'), 'never'],
  ['a NUL at the end', from('spiffe://cluster.local/ns/web/sa/front\u0000'), 'never'],
];

const pipe = { address: { case: 'pipe', value: { path: '/run/x' } } };
const at = (address: string, port: number) => ({
  address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
});

export const badAttributes: readonly BadCheck[] = [
  ['nothing', {}, 'never'],
  ['no attributes', { attributes: {} }, 'never'],
  ['no request', ask({ tcp: true }), 'never'],
  ['a destination that is a pipe', beside({ destination: { address: pipe } }), 'never'],
  ['a destination that is no address', beside({ destination: { address: at('cart.shop', 8080) } }), 'never'],
  ['an address in octal', beside({ destination: { address: at('010.0.0.9', 8080) } }), 'never'],
  ['a short address', beside({ destination: { address: at('10.9', 8080) } }), 'never'],
  ['port 0', beside({ destination: { address: at('10.0.0.9', 0) } }), 'never'],
  ['port 70000', beside({ destination: { address: at('10.0.0.9', 70_000) } }), 'never'],
  ['a mapped address', beside({ destination: { address: at('::ffff:10.0.0.9', 8080) } }), 'both'],
  [
    'a destination of another trust domain',
    beside({ destination: { principal: 'spiffe://evil.example/ns/shop/sa/cart' } }),
    'never',
  ],
  ['extensions of prototypes', ask({ extensions: { constructor: 'a', toString: 'b' } }), 'both'],
  ['an extension that names nobody', ask({ extensions: { 'castellan.dev/workload': 'shop' } }), 'never'],
  ['an extension with a port that is none', ask({ extensions: { 'castellan.dev/port': '80a' } }), 'never'],
  [
    'metadata a thousand deep',
    beside({ metadataContext: { filterMetadata: { x: { a: deepJson(1_000) } } } }),
    'never',
  ],
  ['the year 0', beside({ request: { time: { seconds: -62_135_596_800n }, http: httpPart } }), 'both'],
  [
    'a time that is none',
    beside({ request: { time: { seconds: 9_000_000_000_000_000n, nanos: -5 }, http: httpPart } }),
    'both',
  ],
];
