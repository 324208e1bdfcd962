import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { operationFields, sourceFields } from './kinds/authorization-policy.ts';
import { joinResults, parseResources } from './parse.ts';

const parse = (text: string) => parseResources(text, { file: 'a.yaml' });
const codes = (text: string) => parse(text).findings.map((f) => `${f.code} ${f.path ?? ''}`.trim());
const castellan = (kind: string, spec: string) =>
  `apiVersion: castellan.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: a}\nspec: {${spec}}\n`;

describe('which documents are read', () => {
  test('items of a List are documents of their own, with paths of their own', () => {
    const { resources, findings } = parse(`
apiVersion: v1
kind: List
metadata: {resourceVersion: ""}
items:
- {apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: a}, spec: {}}
- apiVersion: security.istio.io/v1beta1
  kind: PeerAuthenticationList
  items:
  - {apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: b}, spec: {mtls: {mode: X}}}
`);
    expect(resources.map((r) => r.metadata.name)).toEqual(['a']);
    expect(findings).toMatchObject([{ code: 'CAS0915', line: 10, path: 'spec.mtls.mode' }]);
  });

  test('documents of other kinds are skipped and listed', () => {
    const { skipped, findings, resources } = parse(
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n',
    );
    expect([findings, resources]).toEqual([[], []]);
    expect(skipped).toMatchObject([
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', file: 'a.yaml', line: 1 },
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        name: undefined,
        file: 'a.yaml',
        line: 5,
      },
    ]);
  });

  test.each([
    ['security.istio.io/v1', 'AuthorisationPolicy', 'AuthorizationPolicy'],
    ['castellan.dev/v1alpha1', 'TrustBundel', 'TrustBundle'],
    ['rbac.istio.io/v1alpha1', 'ServiceRoleBindings', 'ServiceRoleBinding'],
  ])('an unknown kind in %s is an error that names the nearest', (apiVersion, kind, nearest) => {
    const { findings } = parse(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\n`);
    expect(findings).toMatchObject([{ code: 'CAS0911', severity: 'error', path: 'kind' }]);
    expect(findings[0]?.message).toContain(`did you mean \`${nearest}\`?`);
  });

  test('an unknown version of a known kind is an error', () => {
    expect(codes('apiVersion: security.istio.io/v2\nkind: PeerAuthentication\nmetadata: {name: a}')).toEqual([
      'CAS0911 apiVersion',
    ]);
  });

  test('legacy kinds are set aside for conversion', () => {
    expect(
      parse('apiVersion: rbac.istio.io/v1alpha1\nkind: ServiceRole\nmetadata: {name: a}').legacy,
    ).toMatchObject([{ group: 'rbac.istio.io', kind: 'ServiceRole' }]);
  });

  test('a document without apiVersion or kind, and one that is no object, are errors', () => {
    expect(codes('kind: PeerAuthentication')).toEqual(['CAS0910']);
    expect(codes('apiVersion: v1')).toEqual(['CAS0910']);
    expect(codes('- a')).toEqual(['CAS0909']);
  });
});

describe('the envelope', () => {
  test('what Kubernetes writes into an object is read past', () => {
    const { resources, findings } = parse(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: default
  namespace: shop
  uid: 7a4f
  generation: 3
  resourceVersion: "123"
  creationTimestamp: "2026-01-31T12:00:00Z"
  labels: {app.kubernetes.io/name: x}
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}
  managedFields: [{manager: kubectl, fieldsV1: {"f:spec": {}}}]
  ownerReferences: []
  finalizers: []
spec: {mtls: {mode: STRICT}}
status: {conditions: []}
`);
    expect(findings).toEqual([]);
    expect(resources[0]?.metadata).toMatchObject({
      namespace: 'shop',
      createdAt: Date.parse('2026-01-31T12:00:00Z'),
      resourceVersion: '123',
      labels: new Map([['app.kubernetes.io/name', 'x']]),
    });
  });

  test('an object without a namespace gets the reader\u2019s default', () => {
    const text = 'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a}\nspec: {}';
    expect(parse(text).resources[0]?.metadata.namespace).toBe('default');
    expect(
      parseResources(text, { file: 'a', defaultNamespace: 'shop' }).resources[0]?.metadata.namespace,
    ).toBe('shop');
  });

  test.each([
    ['a name with capitals', 'name: Cart', 'CAS0912 metadata.name'],
    ['no name', 'namespace: shop', 'CAS0910 metadata'],
    ['a namespace with a dot', 'name: a, namespace: a.b', 'CAS0912 metadata.namespace'],
    ['a label with a blank', 'name: a, labels: {app: "a b"}', 'CAS0912 metadata.labels.app'],
    ['an unknown metadata field', 'name: a, label: {}', 'CAS0908 metadata.label'],
    ['a time that is none', 'name: a, creationTimestamp: yesterday', 'CAS0916 metadata.creationTimestamp'],
  ])('%s is refused', (_name, metadata, expected) => {
    expect(
      codes(`apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {${metadata}}\nspec: {}`),
    ).toEqual([expected]);
  });

  test('an unknown field is refused and the nearest known one is named (adv:P04)', () => {
    const { findings } = parse(`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a}
spec:
  rules:
  - from: [{source: {prinicpals: [a], namespaces: [b]}}]
`);
    expect(findings).toMatchObject([
      { code: 'CAS0908', line: 7, path: 'spec.rules[0].from[0].source.prinicpals', fix: 'write principals' },
    ]);
    expect(findings[0]?.message).toBe('unknown field `prinicpals`; did you mean `principals`?');
  });

  test('a letter lost, doubled or swapped in a known field still finds it (adv:P04)', () => {
    const names = [...sourceFields, ...operationFields];
    const typo = fc.tuple(fc.constantFrom(...names), fc.nat(), fc.constantFrom('lose', 'double', 'swap'));
    fc.assert(
      fc.property(typo, ([name, place, how]) => {
        const i = 1 + (place % (name.length - 2));
        const [a, b] = [name.charAt(i), name.charAt(i + 1)];
        const rest = name.slice(i + 2);
        const wrong = name.slice(0, i) + { lose: b, double: a + a + b, swap: b + a }[how] + rest;
        fc.pre(!names.some((known) => known === wrong));
        const isSource = sourceFields.some((known) => known === name);
        const part = isSource ? 'from: [{source' : 'to: [{operation';
        const { findings } = parse(
          `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec: {rules: [{${part}: {${wrong}: [a]}}]}]}`,
        );
        expect(findings.find((f) => f.code === 'CAS0908')?.message).toContain('did you mean');
      }),
      { numRuns: 100 },
    );
  });

  test('unquoted YAML 1.1 traps are text where the schema says text, with a warning (adv:P05)', () => {
    const { resources, findings } = parse(`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a, labels: {version: 1.10, debug: no}}
spec:
  rules:
  - when: [{key: "request.headers[x]", values: [no, on, 0777, 1e3, 12:30, true, "0777"]}]
`);
    expect(resources[0]).toMatchObject({
      metadata: {
        labels: new Map([
          ['version', '1.10'],
          ['debug', 'no'],
        ]),
      },
      spec: { rules: [{ when: [{ values: ['no', 'on', '0777', '1e3', '12:30', 'true', '0777'] }] }] },
    });
    expect(findings.map((f) => [f.code, f.fix])).toEqual([
      ['CAS0913', 'write "1.10"'],
      ['CAS0913', 'write "no"'],
      ['CAS0913', 'write "no"'],
      ['CAS0913', 'write "on"'],
      ['CAS0913', 'write "0777"'],
      ['CAS0913', 'write "1e3"'],
      ['CAS0913', 'write "true"'],
    ]);
  });

  test('in JSON a number where text is due is an error', () => {
    const text = JSON.stringify({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'a' },
      spec: { rules: [{ to: [{ operation: { ports: [80] } }] }] },
    });
    expect(codes(text)).toContain('CAS0909 spec.rules[0].to[0].operation.ports[0]');
  });

  test('of two objects of one name the higher resourceVersion counts; without versions it is an error (adv:P09)', () => {
    const one = (mode: string, version: string) =>
      `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a${version}}\nspec: {mtls: {mode: ${mode}}}\n`;
    const joined = (...texts: string[]) =>
      joinResults(texts.map((text, i) => parseResources(text, { file: `${i}.yaml` })));
    const versioned = joined(
      one('STRICT', ', resourceVersion: "10"'),
      one('DISABLE', ', resourceVersion: "9"'),
    );
    expect(versioned.findings).toEqual([]);
    expect(versioned.resources).toMatchObject([{ spec: { mode: 'STRICT' } }]);
    expect(joined(one('STRICT', ''), one('DISABLE', '')).findings).toMatchObject([
      {
        code: 'CAS0917',
        severity: 'error',
        file: '1.yaml',
        message: 'PeerAuthentication default/a is written twice: also in 0.yaml, line 1',
      },
    ]);
  });
});

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
