import { describe, expect, test } from 'vitest';
import { findings, object, policy } from '../../../test/support/findings.ts';
import { parseResources } from '../parse.ts';

const peer = (spec: string) => object('PeerAuthentication', spec);
const jwt = (text: string) => object('RequestAuthentication', `jwtRules:\n- {${text}}`);

describe('selection', () => {
  test.each([
    [
      'an empty label key',
      peer('selector: {matchLabels: {"": x}}'),
      ['error CAS0701 spec.selector.matchLabels[""]'],
    ],
    [
      'a wildcard value',
      peer('selector: {matchLabels: {app: "c*"}}'),
      ['error CAS0701 spec.selector.matchLabels.app'],
    ],
    [
      'a wildcard key',
      peer('selector: {matchLabels: {"a*": c}}'),
      ['error CAS0701 spec.selector.matchLabels["a*"]'],
    ],
  ])('%s in a selector is refused (policy:5.1/1)', (_name, text, expected) => {
    expect(findings(text)).toEqual(expected);
  });

  test('a selector without labels is a warning, and selects everything (policy:5.1/2)', () => {
    for (const selector of ['{}', '{matchLabels: {}}'])
      expect(findings(policy(`selector: ${selector}`))).toEqual(['warning CAS0702 spec.selector']);
  });

  test('more than one of selector, targetRef and targetRefs is refused (policy:5.1/3)', () => {
    const ref = '{kind: Service, name: cart, group: ""}';
    for (const kind of ['AuthorizationPolicy', 'RequestAuthentication']) {
      expect(findings(object(kind, `selector: {matchLabels: {a: b}}\ntargetRef: ${ref}`))).toEqual([
        'error CAS0703 spec.targetRef',
      ]);
      expect(findings(object(kind, `targetRef: ${ref}\ntargetRefs: [${ref}]`))).toEqual([
        'error CAS0703 spec.targetRefs',
      ]);
      expect(findings(object(kind, `targetRefs: [${ref}]`))).toEqual([]);
    }
  });

  test.each([
    ['no name', '{group: "", kind: Service}', 'spec.targetRefs[0]'],
    ['an empty name', '{group: "", kind: Service, name: ""}', 'spec.targetRefs[0]'],
    ['a namespace', '{group: "", kind: Service, name: a, namespace: b}', 'spec.targetRefs[0].namespace'],
    ['an unknown kind', '{group: apps, kind: Deployment, name: a}', 'spec.targetRefs[0]'],
  ])('a target reference with %s is refused (policy:5.1/4)', (_name, ref, path) => {
    expect(findings(policy(`targetRefs: [${ref}]`))).toEqual([`error CAS0704 ${path}`]);
  });

  test.each([
    ['core', 'Service'],
    ['gateway.networking.k8s.io', 'Gateway'],
    ['gateway.networking.k8s.io', 'GatewayClass'],
    ['networking.istio.io', 'ServiceEntry'],
  ])('a target reference to %s %s is accepted (policy:5.1/4)', (group, kind) => {
    expect(findings(policy(`targetRefs: [{group: ${group}, kind: ${kind}, name: a}]`))).toEqual([]);
  });
});

describe('PeerAuthentication', () => {
  test.each([
    [
      'port modes without a selector',
      'portLevelMtls: {8080: {mode: STRICT}}',
      ['error CAS0711 spec.portLevelMtls'],
    ],
    [
      'port modes with a selector of no labels',
      'selector: {}\nportLevelMtls: {8080: {mode: STRICT}}',
      ['warning CAS0702 spec.selector', 'error CAS0711 spec.portLevelMtls'],
    ],
    [
      'an empty map of ports',
      'selector: {matchLabels: {a: b}}\nportLevelMtls: {}',
      ['error CAS0711 spec.portLevelMtls'],
    ],
    [
      'port 0',
      'selector: {matchLabels: {a: b}}\nportLevelMtls: {0: {mode: STRICT}}',
      ['error CAS0711 spec.portLevelMtls["0"]'],
    ],
    [
      'port 65536',
      'selector: {matchLabels: {a: b}}\nportLevelMtls: {65536: {mode: STRICT}}',
      ['error CAS0711 spec.portLevelMtls["65536"]'],
    ],
    [
      'port 80a',
      'selector: {matchLabels: {a: b}}\nportLevelMtls: {80a: {mode: STRICT}}',
      ['error CAS0711 spec.portLevelMtls["80a"]'],
    ],
    ['an unknown mode', 'mtls: {mode: STRIKT}', ['error CAS0915 spec.mtls.mode']],
    [
      'a port without a mode',
      'selector: {matchLabels: {a: b}}\nportLevelMtls: {8080: }',
      ['error CAS0711 spec.portLevelMtls["8080"]'],
    ],
  ])('%s is refused (policy:5.1/5 adv:P08)', (_name, spec, expected) => {
    expect(findings(peer(spec))).toEqual(expected);
  });

  test('the modes and ports of a good object are read', () => {
    const { resources } = parseResources(
      peer(
        'selector: {matchLabels: {app: cart}}\nmtls: {mode: STRICT}\nportLevelMtls: {8080: {mode: DISABLE}, "9090": {}}',
      ),
      { file: 'a.yaml' },
    );
    expect(resources[0]).toMatchObject({
      kind: 'PeerAuthentication',
      metadata: { name: 'a', namespace: 'shop' },
      spec: {
        mode: 'STRICT',
        portModes: new Map([
          [8080, 'DISABLE'],
          [9090, 'UNSET'],
        ]),
      },
      source: { file: 'a.yaml', line: 1, column: 1 },
    });
  });
});

describe('RequestAuthentication', () => {
  test.each([
    ['neither issuer nor jwksUri', 'audiences: [a]', ['error CAS0721 spec.jwtRules[0]']],
    ['only inline keys', `jwks: '{"keys":[]}'`, ['error CAS0721 spec.jwtRules[0]']],
    ['an empty audience', 'issuer: i, audiences: [""]', ['error CAS0722 spec.jwtRules[0].audiences[0]']],
    [
      'a jwksUri with another scheme',
      'issuer: i, jwksUri: "ftp://a/b"',
      ['error CAS0723 spec.jwtRules[0].jwksUri'],
    ],
    [
      'a jwksUri without a host',
      'issuer: i, jwksUri: "https:///x"',
      ['error CAS0723 spec.jwtRules[0].jwksUri'],
    ],
    ['a jwksUri that is no URL', 'issuer: i, jwksUri: nonsense', ['error CAS0723 spec.jwtRules[0].jwksUri']],
    ['jwks that is no JSON', 'issuer: i, jwks: "{keys"', ['error CAS0724 spec.jwtRules[0].jwks']],
    ['jwks without keys', `issuer: i, jwks: '{"a":1}'`, ['error CAS0724 spec.jwtRules[0].jwks']],
    [
      'an unnamed header',
      'issuer: i, fromHeaders: [{prefix: x}]',
      ['error CAS0722 spec.jwtRules[0].fromHeaders[0]'],
    ],
    [
      'a header that is nothing',
      'issuer: i, fromHeaders: [null]',
      ['error CAS0722 spec.jwtRules[0].fromHeaders[0]'],
    ],
    ['an empty parameter', 'issuer: i, fromParams: [""]', ['error CAS0722 spec.jwtRules[0].fromParams[0]']],
    ['an empty cookie', 'issuer: i, fromCookies: [""]', ['error CAS0722 spec.jwtRules[0].fromCookies[0]']],
    [
      'a claim header that is nothing',
      'issuer: i, outputClaimToHeaders: [null]',
      ['error CAS0722 spec.jwtRules[0].outputClaimToHeaders[0]'],
    ],
    [
      'a claim header without its claim',
      'issuer: i, outputClaimToHeaders: [{header: x}]',
      ['error CAS0722 spec.jwtRules[0].outputClaimToHeaders[0]'],
    ],
    [
      'a bad header name',
      'issuer: i, outputClaimToHeaders: [{header: "x y", claim: c}]',
      ['error CAS0916 spec.jwtRules[0].outputClaimToHeaders[0].header'],
    ],
    ['a bad timeout', 'issuer: i, timeout: soon', ['error CAS0916 spec.jwtRules[0].timeout']],
    ['a timeout below 1 ms', 'issuer: i, timeout: 500us', ['error CAS0916 spec.jwtRules[0].timeout']],
    ['an empty issuer', 'issuer: "", jwksUri: "https://a/b"', ['error CAS0722 spec.jwtRules[0].issuer']],
  ])('%s is refused (policy:5.1/6)', (_name, text, expected) => {
    expect(findings(jwt(text))).toEqual(expected);
  });

  test('private and symmetric keys in an inline jwks are a warning each (policy:5.1/7)', () => {
    const keys = '{"keys":[{"kty":"oct","k":"x"},{"kty":"EC","d":"x"},{"kty":"EC","x":"y"}]}';
    expect(findings(jwt(`issuer: i, jwks: '${keys}'`))).toEqual([
      'warning CAS0725 spec.jwtRules[0].jwks',
      'warning CAS0725 spec.jwtRules[0].jwks',
    ]);
  });

  test.each([
    [
      'both jwks and jwksUri',
      `issuer: i, jwks: '{"keys":[]}', jwksUri: "https://a/b"`,
      ['error CAS0726 spec.jwtRules[0].jwks'],
    ],
    [
      'an empty space-delimited claim',
      'issuer: i, spaceDelimitedClaims: [""]',
      ['error CAS0722 spec.jwtRules[0].spaceDelimitedClaims[0]'],
    ],
    [
      '65 space-delimited claims',
      `issuer: i, spaceDelimitedClaims: [${Array.from({ length: 65 }, (_, i) => `c${i}`).join()}]`,
      ['error CAS0746 spec.jwtRules[0].spaceDelimitedClaims'],
    ],
    [
      'a jwksUri of 2049 characters',
      `issuer: i, jwksUri: "https://a/${'x'.repeat(2039)}"`,
      ['error CAS0723 spec.jwtRules[0].jwksUri'],
    ],
  ])('%s is refused (policy:5.1/8)', (_name, text, expected) => {
    expect(findings(jwt(text))).toEqual(expected);
  });

  test('an issuer may be left out beside a jwksUri', () => {
    expect(findings(jwt('jwksUri: "https://issuer.example/keys", timeout: 1m30s'))).toEqual([]);
  });
});
