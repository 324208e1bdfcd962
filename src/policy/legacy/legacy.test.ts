import { describe, expect, test } from 'vitest';
import { parseResources } from '../../resources/index.ts';
import { convertLegacy } from './index.ts';

const old = (group: string, kind: string, name: string, spec: string) =>
  `apiVersion: ${group}.istio.io/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: shop}\nspec: ${spec}\n`;
const authn = (kind: string, name: string, spec: string) => old('authentication', kind, name, spec);
const rbac = (kind: string, name: string, spec: string) => old('rbac', kind, name, spec);
const on = rbac('ClusterRbacConfig', 'default', '{mode: "ON"}');
const service = (name: string, spec: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: shop}\nspec: ${spec}\n`;

/** What is written, and what is said; everything written has to be a valid resource of today. */
function convert(...texts: readonly string[]) {
  const { converted, findings } = convertLegacy(parseResources(texts.join('---\n'), { file: 'old.yaml' }));
  const manifests = converted.map(({ manifest }) => manifest);
  for (const manifest of manifests) {
    const again = parseResources(JSON.stringify(manifest), { file: 'new.json' });
    expect(again.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  }
  return {
    manifests,
    findings,
    codes: findings.map(({ code }) => code),
    said: findings.map(({ message }) => message),
  };
}
const specs = (...texts: readonly string[]) => convert(...texts).manifests.map(({ spec }) => spec);

describe('Policy and MeshPolicy', () => {
  test.each([
    ['mtls without a value', 'peers: [{mtls: }]', 'STRICT'],
    ['an empty mtls', 'peers: [{mtls: {}}]', 'STRICT'],
    ['mode STRICT', 'peers: [{mtls: {mode: STRICT}}]', 'STRICT'],
    ['mode PERMISSIVE', 'peers: [{mtls: {mode: PERMISSIVE}}]', 'PERMISSIVE'],
    ['an optional peer', 'peers: [{mtls: {}}], peerIsOptional: true', 'PERMISSIVE'],
    ['allowTls', 'peers: [{mtls: {allow_tls: true}}]', 'PERMISSIVE'],
    ['no peers', '', 'DISABLE'],
  ])('%s becomes a mode', (_name, spec, mode) => {
    const { manifests } = convert(authn('MeshPolicy', 'default', `{${spec}}`));
    expect(manifests).toMatchObject([
      {
        kind: 'PeerAuthentication',
        metadata: { name: 'default', namespace: 'istio-system' },
        spec: { mtls: { mode } },
      },
    ]);
  });

  test('a target names a service; its labels and ports come from the Service', () => {
    const policy = authn(
      'Policy',
      'cart',
      '{targets: [{name: cart, ports: [{number: 80}, {name: grpc}]}], peers: [{mtls: {}}]}',
    );
    const known = service(
      'cart',
      '{selector: {app: cart, tier: web}, ports: [{port: 80, targetPort: 8080}, {port: 90, name: grpc, targetPort: 9090}]}',
    );
    expect(convert(policy, known)).toMatchObject({
      codes: [],
      manifests: [
        {
          metadata: { name: 'cart', namespace: 'shop' },
          spec: {
            selector: { matchLabels: { app: 'cart', tier: 'web' } },
            portLevelMtls: { '8080': { mode: 'STRICT' }, '9090': { mode: 'STRICT' } },
          },
        },
      ],
    });
  });

  test('without the Service the usual label is written and said; a port by name cannot be', () => {
    const policy = authn(
      'Policy',
      'cart',
      '{targets: [{name: cart, ports: [{number: 80}]}, {name: web, ports: [{name: http}]}], peers: [{mtls: {}}]}',
    );
    const { manifests, codes } = convert(policy);
    expect(manifests.map(({ metadata, spec }) => [metadata.name, spec])).toEqual([
      [
        'cart-cart',
        { selector: { matchLabels: { app: 'cart' } }, portLevelMtls: { '80': { mode: 'STRICT' } } },
      ],
    ]);
    expect(codes).toEqual(['CAS0812', 'CAS0812', 'CAS0812', 'CAS0814']);
  });

  test('an origin becomes a RequestAuthentication and a DENY of requests without a token', () => {
    const jwt = '{issuer: i, audiences: [a], jwksUri: "https://i/k", jwt_headers: [x-token], jwtParams: [t]}';
    expect(
      specs(
        authn(
          'Policy',
          'default',
          `{peers: [{mtls: {}}], origins: [{jwt: ${jwt}}], principalBinding: USE_ORIGIN}`,
        ),
      ),
    ).toEqual([
      { mtls: { mode: 'STRICT' } },
      {
        jwtRules: [
          {
            issuer: 'i',
            audiences: ['a'],
            jwksUri: 'https://i/k',
            fromHeaders: [{ name: 'x-token' }],
            fromParams: ['t'],
            forwardOriginalToken: true,
          },
        ],
      },
      { action: 'DENY', rules: [{ from: [{ source: { notRequestPrincipals: ['*'] } }] }] },
    ]);
  });

  test('an optional origin requires nothing', () => {
    expect(
      convert(
        authn('Policy', 'default', '{origins: [{jwt: {issuer: i}}], originIsOptional: true}'),
      ).manifests.map(({ kind }) => kind),
    ).toEqual(['PeerAuthentication', 'RequestAuthentication']);
  });

  test('trigger rules become the paths of the DENY; a regular expression asks for more, never for less', () => {
    const rules = (trigger: string) => {
      const found = specs(
        authn('Policy', 'default', `{origins: [{jwt: {issuer: i, triggerRules: [${trigger}]}}]}`),
      );
      const rules = (found.at(-1)?.rules ?? []) as { to?: { operation: object }[] }[];
      return rules.map(({ to }) => to?.[0]?.operation);
    };
    expect(
      rules('{includedPaths: [{prefix: /api}, {suffix: .json}], excludedPaths: [{exact: /api/health}]}'),
    ).toEqual([{ paths: ['/api*', '*.json'], notPaths: ['/api/health'] }]);
    expect(rules('{includedPaths: [{exact: /a}, {regex: "/b.*"}]}')).toEqual([undefined]);
    expect(rules('{excludedPaths: [{regex: "/b.*"}, {exact: /a}]}')).toEqual([{ notPaths: ['/a'] }]);
  });

  test('what was refused or ignored in its day is not written', () => {
    for (const text of [
      authn('MeshPolicy', 'other', '{}'),
      authn('MeshPolicy', 'default', '{targets: [{name: a}]}'),
      authn('Policy', 'cart', '{}'),
      authn('Policy', 'default', '{targets: [{name: a}]}'),
    ])
      expect(convert(text)).toMatchObject({ manifests: [], codes: ['CAS0813'] });
  });
});

describe('RBAC', () => {
  const role = (rules: string) => rbac('ServiceRole', 'viewer', `{rules: [${rules}]}`);
  const binding = (subjects: string, more = '') =>
    rbac(
      'ServiceRoleBinding',
      'bind',
      `{subjects: [${subjects}], roleRef: {kind: ServiceRole, name: viewer}${more}}`,
    );
  const anyRule = '{services: ["*"]}';

  test.each([
    ['ON', '{mode: "ON"}', [['istio-system', {}]]],
    [
      'ON_WITH_INCLUSION',
      '{mode: ON_WITH_INCLUSION, inclusion: {namespaces: [a, b]}}',
      [
        ['a', {}],
        ['b', {}],
      ],
    ],
    [
      'ON_WITH_EXCLUSION',
      '{mode: ON_WITH_EXCLUSION, exclusion: {namespaces: [a]}}',
      [
        ['istio-system', {}],
        ['a', { action: 'ALLOW', rules: [{}] }],
      ],
    ],
    ['OFF', '{mode: "OFF"}', []],
  ])('a configuration %s becomes defaults', (_mode, spec, expected) => {
    const { manifests } = convert(rbac('ClusterRbacConfig', 'default', spec));
    expect(manifests.map(({ metadata, spec: written }) => [metadata.namespace, written])).toEqual(expected);
  });

  test('a permissive configuration is a dry run', () => {
    const { manifests } = convert(
      rbac('RbacConfig', 'default', '{mode: "ON", enforcement_mode: PERMISSIVE}'),
    );
    expect(manifests[0]?.metadata.annotations).toEqual({ 'istio.io/dry-run': 'true' });
  });

  test('a binding and its role become one ALLOW policy, a rule for each subject', () => {
    const rules =
      '{services: [cart.shop.svc.cluster.local], methods: [GET, "P*"], not_paths: ["/admin*"], ports: [8080], constraints: [{key: "request.headers[v]", values: [a]}]}';
    const subjects =
      '{user: cluster.local/ns/shop/sa/web, properties: {source.namespace: shop, "request.auth.claims[a]": b}}, {names: [allAuthenticatedUsers], groups: [g], not_groups: [h], ips: [10.0.0.0/8]}';
    const to = [{ operation: { methods: ['GET', 'P*'], notPaths: ['/admin*'], ports: ['8080'] } }];
    const header = { key: 'request.headers[v]', values: ['a'] };
    expect(specs(on, role(rules), binding(subjects)).at(-1)).toEqual({
      selector: { matchLabels: { app: 'cart' } },
      action: 'ALLOW',
      rules: [
        {
          from: [{ source: { principals: ['cluster.local/ns/shop/sa/web'], namespaces: ['shop'] } }],
          to,
          when: [{ key: 'request.auth.claims[a]', values: ['b'] }, header],
        },
        {
          from: [{ source: { principals: ['*'], ipBlocks: ['10.0.0.0/8'] } }],
          to,
          when: [{ key: 'request.auth.claims[groups]', values: ['g'], notValues: ['h'] }, header],
        },
      ],
    });
  });

  test.each([
    ['everybody by user', '{user: "*"}', [{}]],
    ['everybody by name', '{names: [allUsers]}', [{}]],
    ['nobody', '{}', undefined],
    ['a property that has no equal', '{properties: {source.uid: x}}', undefined],
    [
      'every identity but one',
      '{names: ["allAuthenticatedUsers"], notNames: [a/ns/b/sa/c]}',
      [{ from: [{ source: { principals: ['*'], notPrincipals: ['a/ns/b/sa/c'] } }] }],
    ],
  ])('a subject that is %s', (_name, subject, rules) => {
    const policies = specs(on, role(anyRule), binding(subject)).slice(1);
    expect(policies[0]?.rules).toEqual(rules);
  });

  test.each([
    [
      'labels go into the selector',
      '{services: [a], constraints: [{key: "destination.labels[v]", values: [one]}]}',
      { app: 'a', v: 'one' },
    ],
    [
      'labels of several values leave the rule out',
      '{services: [a], constraints: [{key: "destination.labels[v]", values: [one, two]}]}',
      undefined,
    ],
    [
      'the own namespace changes nothing',
      '{services: [a], constraints: [{key: destination.namespace, values: [shop]}]}',
      { app: 'a' },
    ],
    [
      'another namespace leaves the rule out',
      '{services: [a], constraints: [{key: destination.namespace, values: [other]}]}',
      undefined,
    ],
    [
      'a destination user leaves the rule out',
      '{services: [a], constraints: [{key: destination.user, values: [x]}]}',
      undefined,
    ],
  ])('constraints: %s', (_name, rule, labels) => {
    const policy = specs(on, role(rule), binding('{user: "*"}'))[1];
    expect(
      policy === undefined ? undefined : (policy.selector as { matchLabels: object }).matchLabels,
    ).toEqual(labels);
  });

  test('services by pattern need the Services; without them the rule is left out and is an error', () => {
    const texts = [on, role('{services: ["cart*"]}'), binding('{user: "*"}')];
    expect(convert(...texts)).toMatchObject({ codes: ['CAS0814'], manifests: [{ spec: {} }] });
    const known = ['cart', 'cart-db', 'web'].map((name) => service(name, `{selector: {app: ${name}}}`));
    const { manifests } = convert(...texts, ...known);
    expect(manifests.slice(1).map(({ metadata }) => metadata.name)).toEqual(['bind-cart', 'bind-cart-db']);
  });

  test('what had no effect is said and not written', () => {
    expect(convert(on, role(anyRule)).said).toEqual([
      'no binding given here names this role: it allowed nobody anything',
    ]);
    expect(convert(on, binding('{user: "*"}')).said).toEqual([
      'there is no ServiceRole `viewer` in namespace shop',
    ]);
    expect(
      convert(on, role('{services: [cart.other.svc.cluster.local]}'), binding('{user: "*"}')),
    ).toMatchObject({ codes: ['CAS0813'] });
    const off = rbac('ClusterRbacConfig', 'default', '{mode: "OFF"}');
    expect(convert(off, role(anyRule), binding('{user: "*"}')).manifests).toEqual([]);
    const excluded = rbac(
      'ClusterRbacConfig',
      'default',
      '{mode: ON_WITH_EXCLUSION, exclusion: {namespaces: [shop]}}',
    );
    expect(
      convert(excluded, role(anyRule), binding('{user: "*"}')).manifests.map(({ metadata }) => metadata.name),
    ).toEqual(['rbac-default-deny', 'rbac-excluded']);
  });

  test('without a configuration the policies are written and it is said', () => {
    expect(convert(role(anyRule), binding('{user: "*"}'))).toMatchObject({
      codes: ['CAS0811'],
      manifests: [{ metadata: { name: 'bind' } }],
    });
  });

  test('a field that is no field is an error with its place, and nothing is written for the object', () => {
    const { manifests, findings } = convert(rbac('ServiceRole', 'viewer', '{rules: [{service: [a]}]}'));
    expect(manifests).toEqual([]);
    expect(findings).toMatchObject([{ code: 'CAS0908', path: 'spec.rules[0].service', line: 4 }]);
  });
});
