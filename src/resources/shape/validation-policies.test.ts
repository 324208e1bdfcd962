import { describe, expect, test } from 'vitest';
import { findings, object, policy } from '../../../test/support/findings.ts';

const rule = (text: string) => policy(`rules:\n- ${text}`);
const from = (text: string) => rule(`from: [{source: {${text}}}]`);
const to = (text: string) => rule(`to: [{operation: {${text}}}]`);
const when = (text: string) => rule(`when: [{${text}}]`);

describe('AuthorizationPolicy', () => {
  const custom = (text: string) => policy(`action: CUSTOM\nprovider: {name: p}\nrules:\n- ${text}`);

  test.each([
    ['CUSTOM without rules', policy('action: CUSTOM\nprovider: {name: p}'), ['error CAS0731 spec']],
    ['CUSTOM without a provider', policy('action: CUSTOM\nrules: [{}]'), ['error CAS0731 spec']],
    [
      'CUSTOM with an unnamed provider',
      policy('action: CUSTOM\nprovider: {}\nrules: [{}]'),
      ['error CAS0731 spec.provider'],
    ],
    ['a provider of ALLOW', policy('provider: {name: p}\nrules: [{}]'), ['error CAS0731 spec.provider']],
    [
      'principals in CUSTOM',
      custom('from: [{source: {principals: [a]}}]'),
      ['error CAS0732 spec.rules[0].from[0].source.principals'],
    ],
    [
      'notRequestPrincipals in CUSTOM',
      custom('from: [{source: {notRequestPrincipals: [a]}}]'),
      ['error CAS0732 spec.rules[0].from[0].source.notRequestPrincipals'],
    ],
    [
      'trustDomains in CUSTOM',
      custom('from: [{source: {trustDomains: [a]}}]'),
      ['error CAS0732 spec.rules[0].from[0].source.trustDomains'],
    ],
    [
      'claims in CUSTOM',
      custom('when: [{key: "request.auth.claims[a]", values: [b]}]'),
      ['error CAS0732 spec.rules[0].when[0]'],
    ],
    ['a condition that is nothing', rule('when: [null]'), ['error CAS0734 spec.rules[0].when[0]']],
  ])('%s is refused (policy:5.1/9)', (_name, text, expected) => {
    expect(findings(text)).toEqual(expected);
  });

  test('DENY without rules is refused (policy:5.1/10)', () => {
    expect(findings(policy('action: DENY'))).toEqual(['error CAS0733 spec']);
    expect(findings(policy('action: DENY\nrules: []'))).toEqual(['error CAS0733 spec']);
    expect(findings(policy('action: DENY\nrules: [{}]'))).toEqual([]);
  });

  test.each([
    ['a rule that is nothing', policy('rules: [null]'), ['error CAS0734 spec.rules[0]']],
    ['an empty from', rule('from: []'), ['error CAS0734 spec.rules[0].from']],
    ['an empty to', rule('to: []'), ['error CAS0734 spec.rules[0].to']],
    ['a from entry that is nothing', rule('from: [null]'), ['error CAS0734 spec.rules[0].from[0]']],
    ['a to entry that is nothing', rule('to: [null]'), ['error CAS0734 spec.rules[0].to[0]']],
    ['a from entry without a source', rule('from: [{}]'), ['error CAS0734 spec.rules[0].from[0]']],
    ['a source without fields', from(''), ['error CAS0734 spec.rules[0].from[0].source']],
    ['an operation without fields', to(''), ['error CAS0734 spec.rules[0].to[0].operation']],
    [
      'a source whose only list is empty',
      from('principals: []'),
      [
        'warning CAS0914 spec.rules[0].from[0].source.principals',
        'error CAS0734 spec.rules[0].from[0].source',
      ],
    ],
  ])('%s is refused (policy:5.1/11)', (_name, text, expected) => {
    expect(findings(text)).toEqual(expected);
  });

  test('an empty list beside another field is a warning that it counts as not written (adv:Z20)', () => {
    expect(findings(from('principals: [], namespaces: [a]'))).toEqual([
      'warning CAS0914 spec.rules[0].from[0].source.principals',
    ]);
  });

  test('a part without a value is a warning that it counts as not written', () => {
    expect(findings(rule('from:'))).toEqual(['warning CAS0914 spec.rules[0].from']);
  });

  test.each(['principals: [a]', 'notPrincipals: [a]', 'namespaces: [a]', 'notNamespaces: [a]'])(
    'serviceAccounts together with %s is refused (policy:5.1/12)',
    (other) => {
      for (const accounts of ['serviceAccounts', 'notServiceAccounts'])
        expect(findings(from(`${accounts}: [a/b], ${other}`))).toEqual([
          'error CAS0735 spec.rules[0].from[0].source',
        ]);
    },
  );

  test.each([
    ['an empty principal', from('principals: [""]'), 'CAS0736', 'from[0].source.principals[0]'],
    ['an empty path', to('paths: [""]'), 'CAS0736', 'to[0].operation.paths[0]'],
    ['an empty condition value', when('key: source.principal, values: [""]'), 'CAS0736', 'when[0].values[0]'],
    ['a CIDR of 33 bits', from('ipBlocks: ["10.0.0.0/33"]'), 'CAS0737', 'from[0].source.ipBlocks[0]'],
    ['an octal address', from('notIpBlocks: ["010.0.0.1"]'), 'CAS0737', 'from[0].source.notIpBlocks[0]'],
    ['half an address', from('remoteIpBlocks: ["10.1"]'), 'CAS0737', 'from[0].source.remoteIpBlocks[0]'],
    ['port 65536', to('ports: ["65536"]'), 'CAS0738', 'to[0].operation.ports[0]'],
    ['port -1', to('notPorts: ["-1"]'), 'CAS0738', 'to[0].operation.notPorts[0]'],
    ['port 80a', to('ports: ["80a"]'), 'CAS0738', 'to[0].operation.ports[0]'],
    ['a named port', to('ports: [http]'), 'CAS0738', 'to[0].operation.ports[0]'],
    ['a brace inside a segment', to('paths: ["/a{*}"]'), 'CAS0739', 'to[0].operation.paths[0]'],
    ['an OpenAPI variable', to('paths: ["/items/{id}"]'), 'CAS0739', 'to[0].operation.paths[0]'],
    ['an operator after {**}', to('paths: ["/{**}/a/{*}"]'), 'CAS0739', 'to[0].operation.paths[0]'],
    ['an empty segment in a template', to('paths: ["/a//{*}"]'), 'CAS0739', 'to[0].operation.paths[0]'],
    ['a star in a template', to('paths: ["/a*/{*}"]'), 'CAS0739', 'to[0].operation.paths[0]'],
    [
      'a wildcard service account',
      from('serviceAccounts: ["shop/*"]'),
      'CAS0740',
      'from[0].source.serviceAccounts[0]',
    ],
    [
      'a service account with two slashes',
      from('serviceAccounts: ["a/b/c"]'),
      'CAS0740',
      'from[0].source.serviceAccounts[0]',
    ],
    [
      'a long service account',
      from(`serviceAccounts: [${'a'.repeat(321)}]`),
      'CAS0740',
      'from[0].source.serviceAccounts[0]',
    ],
    [
      '17 service accounts',
      from(`serviceAccounts: [${Array.from({ length: 17 }, (_, i) => `a${i}`).join()}]`),
      'CAS0740',
      'from[0].source',
    ],
    [
      'a trust domain with a slash',
      from('trustDomains: ["a/b"]'),
      'CAS0741',
      'from[0].source.trustDomains[0]',
    ],
    [
      'a trust domain with an inner wildcard',
      from('trustDomains: ["a*b"]'),
      'CAS0741',
      'from[0].source.trustDomains[0]',
    ],
    [
      'a trust domain with two wildcards',
      from('trustDomains: ["*a*"]'),
      'CAS0741',
      'from[0].source.trustDomains[0]',
    ],
    ['a method with a blank', to('methods: ["GE T"]'), 'CAS0747', 'to[0].operation.methods[0]'],
  ])(
    '%s is refused with its path (policy:5.1/13 policy:3.6/4 adv:P08 adv:Z20)',
    (_name, text, code, path) => {
      expect(findings(text)).toEqual([`error ${code} spec.rules[0].${path}`]);
    },
  );

  test.each([
    ['port 0', to('ports: ["0"]')],
    ['a template that ends in {**}', to('paths: ["/a/{*}/b/{**}"]')],
    ['a template with a slash at its end', to('paths: ["/foo/{**}/"]')],
    ['an account of another namespace', from('serviceAccounts: [a, b/c]')],
    ['a trust domain by suffix', from('trustDomains: ["*.example", "a.*", "*"]')],
  ])('%s is accepted (policy:5.1/13)', (_name, text) => {
    expect(findings(text)).toEqual([]);
  });

  test.each([
    ['no key', 'values: [a]', 'CAS0742', 'when[0]'],
    ['an empty key', 'key: "", values: [a]', 'CAS0742', 'when[0].key'],
    ['an unknown key', 'key: source.port, values: [a]', 'CAS0742', 'when[0].key'],
    ['a key in another case', 'key: Source.Principal, values: [a]', 'CAS0742', 'when[0].key'],
    [
      'the retired destination.namespace',
      'key: destination.namespace, values: [a]',
      'CAS0742',
      'when[0].key',
    ],
    ['the retired destination.labels', 'key: "destination.labels[a]", values: [a]', 'CAS0742', 'when[0].key'],
    ['the retired destination.name', 'key: destination.name, values: [a]', 'CAS0742', 'when[0].key'],
    ['the retired destination.user', 'key: destination.user, values: [a]', 'CAS0742', 'when[0].key'],
    ['a header key without brackets', 'key: request.headers, values: [a]', 'CAS0742', 'when[0].key'],
    ['a header key with empty brackets', 'key: "request.headers[]", values: [a]', 'CAS0742', 'when[0].key'],
    [
      'a claim key that does not close',
      'key: "request.auth.claims[a", values: [a]',
      'CAS0742',
      'when[0].key',
    ],
    ['neither values nor notValues', 'key: source.principal', 'CAS0743', 'when[0]'],
    ['a bad address', 'key: source.ip, values: ["1.2.3"]', 'CAS0737', 'when[0].values[0]'],
    ['a bad port', 'key: destination.port, notValues: ["x"]', 'CAS0738', 'when[0].notValues[0]'],
    ['a bad account', 'key: source.serviceAccount, values: ["a/*"]', 'CAS0740', 'when[0].values[0]'],
  ])('a condition with %s is refused (policy:5.1/14)', (_name, text, code, path) => {
    expect(findings(when(text))).toEqual([`error ${code} spec.rules[0].${path}`]);
  });

  test.each([
    'request.headers[x-token]',
    'request.auth.claims[a][b]',
    'experimental.envoy.filters.network.mysql_proxy[db.table]',
    'source.trustDomain',
    'connection.sni',
  ])('the key %s is known (policy:5.1/14)', (key) => {
    expect(findings(when(`key: "${key}", values: ["a/b"]`))).toEqual([]);
  });

  const deny = (text: string) => policy(`action: DENY\nrules:\n- ${text}`);
  test.each([
    [
      'HTTP fields and no ports',
      'to: [{operation: {paths: ["/a"]}}]',
      ['warning CAS0744 spec.rules[0].to[0].operation'],
    ],
    [
      'principals beside HTTP fields and no ports',
      'from: [{source: {principals: [a]}}]\n  to: [{operation: {methods: [GET]}}]',
      ['warning CAS0744 spec.rules[0].to[0].operation'],
    ],
    ['ports beside the HTTP fields', 'to: [{operation: {paths: ["/a"], ports: ["80"]}}]', []],
    ['only conditions', 'when: [{key: "request.headers[a]", values: [b]}]', []],
  ])('a DENY rule with %s (policy:5.1/15)', (_name, text, expected) => {
    expect(findings(deny(text))).toEqual(expected);
  });

  test.each([
    ['513 rules', policy(`rules: [${'{},'.repeat(512)}{}]`), 'CAS0746 spec.rules'],
    [
      '513 sources',
      rule(`from: [${'{source: {namespaces: [a]}},'.repeat(513)}]`),
      'CAS0746 spec.rules[0].from',
    ],
    [
      '17 targets',
      policy(`targetRefs: [${'{group: "", kind: Service, name: a},'.repeat(17)}]`),
      'CAS0746 spec.targetRefs',
    ],
    [
      'a label value of 64 characters',
      policy(`selector: {matchLabels: {a: ${'x'.repeat(64)}}}`),
      'CAS0746 spec.selector.matchLabels.a',
    ],
  ])('%s are more than the resource allows (policy:5.1/16)', (_name, text, expected) => {
    expect(findings(text)).toEqual([`error ${expected}`]);
  });

  test('the dry-run annotation is a boolean, on ALLOW and DENY only', () => {
    const annotated = (kind: string, spec: string, value: string) =>
      findings(object(kind, spec, `, annotations: {istio.io/dry-run: "${value}"}`));
    const path = 'metadata.annotations["istio.io/dry-run"]';
    expect(annotated('AuthorizationPolicy', 'rules: [{}]', 'true')).toEqual([]);
    expect(annotated('AuthorizationPolicy', 'action: DENY\nrules: [{}]', 'F')).toEqual([]);
    expect(annotated('AuthorizationPolicy', 'rules: [{}]', 'yes')).toEqual([`error CAS0745 ${path}`]);
    expect(annotated('AuthorizationPolicy', 'action: AUDIT\nrules: [{}]', 'true')).toEqual([
      `error CAS0745 ${path}`,
    ]);
    expect(annotated('RequestAuthentication', 'jwtRules: []', 'true')).toEqual([`error CAS0745 ${path}`]);
    expect(annotated('PeerAuthentication', 'mtls: {mode: STRICT}', 'false')).toEqual([
      `error CAS0745 ${path}`,
    ]);
  });
});
