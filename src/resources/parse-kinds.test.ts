import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseResources } from './parse.ts';

const parse = (text: string) => parseResources(text, { file: 'a.yaml' });
const codes = (text: string) => parse(text).findings.map((f) => `${f.code} ${f.path ?? ''}`.trim());
const castellan = (kind: string, spec: string) =>
  `apiVersion: castellan.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: a}\nspec: {${spec}}\n`;

describe('the other kinds', () => {
  test('MeshConfig is read from our envelope and from the istio ConfigMap, with positions inside its text', () => {
    const envelope = parse(`
apiVersion: castellan.dev/v1alpha1
kind: MeshConfig
metadata: {name: mesh}
spec:
  trustDomain: prod.example
  trustDomainAliases: [old.example]
  accessLogFile: /dev/stdout
  pathNormalization: {normalization: MERGE_SLASHES}
  extensionProviders:
  - name: opa
    envoyExtAuthzGrpc: {service: opa.infra.svc.cluster.local, port: 9191, timeout: 2s, failOpen: true, statusOnError: "503"}
  - name: traces
    zipkin: {service: z, port: 9411}
`);
    expect(envelope.findings).toEqual([]);
    expect(envelope.resources[0]?.spec).toMatchObject({
      trustDomain: 'prod.example',
      rootNamespace: 'istio-system',
      pathNormalization: 'MERGE_SLASHES',
      extensionProviders: [
        { name: 'opa', protocol: 'grpc', port: 9191, timeoutMs: 2000, failOpen: true, statusOnError: 503 },
      ],
    });
    const map = (mesh: string) =>
      parse(
        `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |-\n    ${mesh}\n`,
      );
    expect(map('trustDomain: a.example\n    enableAutoMtls: false').resources).toMatchObject([
      { kind: 'MeshConfig', spec: { trustDomain: 'a.example', enableAutoMtls: false } },
    ]);
    expect(map('trustDomain: a.example\n    rootNamespce: x').findings).toMatchObject([
      { code: 'CAS0908', line: 7, column: 5 },
    ]);
  });

  test('a ConfigMap of another name is none of ours', () => {
    expect(
      parse('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {mesh: x}').skipped.length,
    ).toBe(1);
  });

  test('an IdentityRegistration is read', () => {
    const { resources, findings } = parse(
      castellan(
        'IdentityRegistration',
        'spiffeId: "spiffe://a.example/ns/shop/sa/cart", parentId: "spiffe://a.example/castellan/agent/n1", selectors: ["unix:uid:1000", "unix:path:/usr/bin/a"], x509Ttl: 1h, dnsNames: [cart.shop.svc], federatesWith: [b.example]',
      ),
    );
    expect(findings).toEqual([]);
    expect(resources[0]?.spec).toMatchObject({
      spiffeId: { uri: 'spiffe://a.example/ns/shop/sa/cart' },
      selectors: [
        { type: 'unix', value: 'uid:1000' },
        { type: 'unix', value: 'path:/usr/bin/a' },
      ],
      x509TtlSeconds: 3600,
    });
  });

  test.each([
    ['a bad SPIFFE ID', 'spiffeId: "spiffe://A/b", selectors: ["a:b"]', 'CAS0748 spec.spiffeId'],
    ['a reserved ID', 'spiffeId: "spiffe://a/castellan/x", selectors: ["a:b"]', 'CAS0748 spec.spiffeId'],
    ['a bare trust domain', 'spiffeId: "spiffe://a", selectors: ["a:b"]', 'CAS0748 spec.spiffeId'],
    ['a bad selector', 'spiffeId: "spiffe://a/b", selectors: [x]', 'CAS0916 spec.selectors[0]'],
    ['no selectors', 'spiffeId: "spiffe://a/b"', 'CAS0910 spec'],
    ['no SPIFFE ID', 'selectors: ["a:b"]', 'CAS0910 spec'],
  ])('an IdentityRegistration with %s is refused (adv:P08)', (_name, spec, expected) => {
    expect(codes(castellan('IdentityRegistration', spec))).toContain(expected);
  });

  test.each([
    ['nothing to trust', 'trustDomain: b.example', 'CAS0910 spec'],
    [
      'an http endpoint',
      'trustDomain: b.example, endpoint: {url: "http://b/", profile: https_web}',
      'CAS0916 spec.endpoint.url',
    ],
    [
      'https_spiffe without an ID',
      'trustDomain: b.example, endpoint: {url: "https://b/", profile: https_spiffe}',
      'CAS0910 spec.endpoint',
    ],
    [
      'a private key',
      'trustDomain: b.example, rootsPem: "-----BEGIN CERTIFICATE----- PRIVATE KEY"',
      'CAS0725 spec.rootsPem',
    ],
  ])('a TrustBundle with %s is found', (_name, spec, expected) => {
    expect(codes(castellan('TrustBundle', spec))).toEqual([expected]);
  });

  test('WorkloadEntry and ServiceEntry are read in all their versions', () => {
    for (const version of ['v1', 'v1beta1', 'v1alpha3']) {
      const { resources, findings } = parse(`
apiVersion: networking.istio.io/${version}
kind: WorkloadEntry
metadata: {name: vm1, namespace: shop}
spec: {address: 10.0.0.7, ports: {http: 8080}, labels: {app: cart}, serviceAccount: cart, weight: 1}
---
apiVersion: networking.istio.io/${version}
kind: ServiceEntry
metadata: {name: cart, namespace: shop}
spec:
  hosts: [cart.shop.example, "*.cart.example"]
  ports: [{number: 80, name: http, protocol: http, targetPort: 8080}]
  location: MESH_INTERNAL
  resolution: STATIC
  workloadSelector: {labels: {app: cart}}
  subjectAltNames: ["spiffe://cluster.local/ns/shop/sa/cart"]
`);
      expect(findings).toEqual([]);
      expect(resources.map((r) => r.spec)).toMatchObject([
        { address: '10.0.0.7', ports: new Map([['http', 8080]]), serviceAccount: 'cart' },
        {
          ports: [{ number: 80, protocol: 'HTTP', targetPort: 8080 }],
          workloadSelector: new Map([['app', 'cart']]),
        },
      ]);
    }
  });

  test.each([
    ['an address that looks like one', 'WorkloadEntry', 'address: 10.0.0.700', 'CAS0916 spec.address'],
    ['no address', 'WorkloadEntry', 'labels: {a: b}', 'CAS0910 spec'],
    ['a quoted port', 'WorkloadEntry', 'address: a, ports: {http: "80"}', 'CAS0909 spec.ports.http'],
    ['an octal port', 'WorkloadEntry', 'address: a, ports: {http: 080}', 'CAS0916 spec.ports.http'],
    ['no hosts', 'ServiceEntry', 'ports: []', 'CAS0910 spec'],
    ['a host with a port', 'ServiceEntry', 'hosts: ["a:80"]', 'CAS0916 spec.hosts[0]'],
    [
      'an unknown protocol',
      'ServiceEntry',
      'hosts: [a], ports: [{number: 1, name: a, protocol: SSH}]',
      'CAS0915 spec.ports[0].protocol',
    ],
    [
      'two ports of one name',
      'ServiceEntry',
      'hosts: [a], ports: [{number: 1, name: a}, {number: 2, name: a}]',
      'CAS0916 spec.ports',
    ],
    [
      'endpoints and a selector',
      'ServiceEntry',
      'hosts: [a], endpoints: [{address: a}], workloadSelector: {labels: {a: b}}',
      'CAS0916 spec.workloadSelector',
    ],
  ])('%s is refused in a %s (adv:P08)', (_name, kind, spec, expected) => {
    expect(
      codes(`apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: a}\nspec: {${spec}}`),
    ).toContain(expected);
  });
});

describe('properties', () => {
  test('parsing never throws, whatever stands under a known kind', () => {
    const kinds = [
      'AuthorizationPolicy',
      'PeerAuthentication',
      'RequestAuthentication',
      'WorkloadEntry',
      'ServiceEntry',
    ];
    const word = fc.constantFrom(
      'rules',
      'from',
      'to',
      'when',
      'source',
      'operation',
      'key',
      'values',
      'selector',
      'matchLabels',
      'mtls',
      'mode',
      'jwtRules',
      'jwks',
      'ports',
      'hosts',
      'portLevelMtls',
      '8080',
      'paths',
      'x',
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        fc.oneof(fc.string({ maxLength: 8 }), fc.integer(), fc.boolean(), fc.constant(null)),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(word, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(fc.constantFrom(...kinds), tree, (kind, spec) => {
        const group = kind.endsWith('Entry') ? 'networking' : 'security';
        const text = JSON.stringify({
          apiVersion: `${group}.istio.io/v1`,
          kind,
          metadata: { name: 'a' },
          spec,
        });
        const { resources, findings } = parse(text);
        // Whatever is wrong has a place in the text, and what is right has become a resource.
        for (const finding of findings) expect(finding.line).toBe(1);
        if (!findings.some((f) => f.severity === 'error')) expect(resources.length).toBe(1);
      }),
      { numRuns: 100 },
    );
  });
});
