import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { operationFields, sourceFields } from './kinds/authorization-policy.ts';
import { joinResults, parseResources } from './parse.ts';

const parse = (text: string) => parseResources(text, { file: 'a.yaml' });
const codes = (text: string) => parse(text).findings.map((f) => `${f.code} ${f.path ?? ''}`.trim());

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
