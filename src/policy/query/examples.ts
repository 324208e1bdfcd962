import { parseCidr } from '../../base/ip.ts';
import { readConditionKey } from '../compile/conditions.ts';
import type { RequestChange } from '../explanation.ts';
import { isPathTemplate } from '../match/path-template.ts';
import { readTextPattern } from '../match/text-patterns.ts';
import { readRequestPrincipal } from '../match/token-fields.ts';

/** Values that a clause's own words suggest: what a request would have to carry to match, or not to match, it. */

/** What a clause looks at. */
export type ClauseTarget =
  | { readonly kind: 'peer'; readonly as: 'principal' | 'namespace' | 'account' | 'trustDomain' }
  | { readonly kind: 'request-principal' }
  | { readonly kind: 'ip'; readonly set: 'sourceIp' | 'remoteIp' | 'destinationIp' }
  | { readonly kind: 'port' }
  | { readonly kind: 'text'; readonly set: 'sni' | 'method' | 'authority' | 'path' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'claim'; readonly path: readonly string[] }
  | { readonly kind: 'metadata' };

const byName: Readonly<Record<string, ClauseTarget>> = {
  principals: { kind: 'peer', as: 'principal' },
  namespaces: { kind: 'peer', as: 'namespace' },
  serviceAccounts: { kind: 'peer', as: 'account' },
  trustDomains: { kind: 'peer', as: 'trustDomain' },
  requestPrincipals: { kind: 'request-principal' },
  ipBlocks: { kind: 'ip', set: 'sourceIp' },
  remoteIpBlocks: { kind: 'ip', set: 'remoteIp' },
  hosts: { kind: 'text', set: 'authority' },
  ports: { kind: 'port' },
  methods: { kind: 'text', set: 'method' },
  paths: { kind: 'text', set: 'path' },
};

const byKey: Readonly<Record<string, ClauseTarget>> = {
  'source.ip': { kind: 'ip', set: 'sourceIp' },
  'remote.ip': { kind: 'ip', set: 'remoteIp' },
  'destination.ip': { kind: 'ip', set: 'destinationIp' },
  'destination.port': { kind: 'port' },
  'connection.sni': { kind: 'text', set: 'sni' },
  'source.namespace': { kind: 'peer', as: 'namespace' },
  'source.serviceAccount': { kind: 'peer', as: 'account' },
  'source.trustDomain': { kind: 'peer', as: 'trustDomain' },
  'source.principal': { kind: 'peer', as: 'principal' },
  'request.auth.principal': { kind: 'request-principal' },
  'request.auth.audiences': { kind: 'claim', path: ['aud'] },
  'request.auth.presenter': { kind: 'claim', path: ['azp'] },
};

/** From a clause's name, e.g. `source.notPrincipals` or `when[request.headers[x]].values`. */
export function targetOf(name: string): ClauseTarget | undefined {
  if (name.startsWith('when[')) {
    const condition = name.slice('when['.length, name.lastIndexOf(']'));
    const key = readConditionKey(condition);
    if (typeof key === 'string') return undefined;
    if (key.kind === 'header') return { kind: 'header', name: key.name.toLowerCase() };
    if (key.kind === 'claim') return { kind: 'claim', path: key.path };
    return key.kind === 'metadata' ? { kind: 'metadata' } : byKey[key.kind];
  }
  const field = name.slice(name.indexOf('.') + 1);
  const positive = field.startsWith('not') ? `${field.charAt(3).toLowerCase()}${field.slice(4)}` : field;
  return Object.hasOwn(byName, positive) ? byName[positive] : undefined;
}

export interface ExampleScope {
  readonly trustDomain: string;
  /** Of the policy: a bare service account is in it. */
  readonly namespace: string;
}

/** Changes, each of which should make a positive clause of these values true. */
export function matchingChanges(
  target: ClauseTarget,
  wanted: readonly string[],
  scope: ExampleScope,
): readonly RequestChange[] {
  return wanted.slice(0, 8).flatMap((value) => matchingChange(target, value, scope));
}

function matchingChange(target: ClauseTarget, value: string, scope: ExampleScope): readonly RequestChange[] {
  switch (target.kind) {
    case 'peer':
      return peerExamples(target.as, value, scope).map((peer) => ({
        set: 'peer',
        value: `spiffe://${peer}`,
      }));
    case 'request-principal': {
      const { issuer, subject } = readRequestPrincipal(value);
      return [
        {
          set: 'claims',
          issuer: textExample(issuer.kind, issuer.text),
          subject: textExample(subject.kind, subject.text),
        },
      ];
    }
    case 'ip':
      return [{ set: target.set, value: parseCidr(value)?.network.text ?? value }];
    case 'port':
      return [{ set: 'destinationPort', value: Number(value) }];
    case 'text':
      return textExamples(target.set, value).map((text) => ({ set: target.set, value: text }));
    case 'header':
      return [{ set: 'header', name: target.name, value: plainExample(value) }];
    case 'claim':
      return [{ set: 'claim', path: target.path, value: plainExample(value) }];
    case 'metadata':
      return [];
  }
}

function peerExamples(
  as: 'principal' | 'namespace' | 'account' | 'trustDomain',
  value: string,
  { trustDomain, namespace }: ExampleScope,
): readonly string[] {
  const filled = value.split('*').join('x');
  switch (as) {
    case 'namespace':
      return [`${trustDomain}/ns/${value === '*' ? 'default' : filled}/sa/default`];
    case 'account':
      return value.includes('/')
        ? [`${trustDomain}/ns/${value.replace('/', '/sa/')}`]
        : [`${trustDomain}/ns/${namespace}/sa/${value}`];
    case 'trustDomain':
      return [`${value === '*' ? trustDomain : filled}/ns/default/sa/default`];
    case 'principal':
      return principalExamples(value, trustDomain);
  }
}

/** Several tries: which of them is an ID that matches is found out by asking. */
function principalExamples(value: string, trustDomain: string): readonly string[] {
  const { kind, text } = readTextPattern(value);
  const whole = `${trustDomain}/ns/default/sa/default`;
  if (kind === 'exact') return [text];
  if (kind === 'any') return [whole];
  if (kind === 'prefix')
    return [
      text,
      `${text}default`,
      `${text}x/ns/default/sa/default`,
      `${text}ns/default/sa/default`,
      `${text}/ns/default/sa/default`,
    ];
  return [
    `${trustDomain}${text}`,
    `${trustDomain}/${text}`,
    `${trustDomain}/ns/default/sa/${text}`,
    `${trustDomain}/ns/${text}`,
    text,
  ];
}

function textExamples(set: 'sni' | 'method' | 'authority' | 'path', value: string): readonly string[] {
  if (set !== 'path') return [plainExample(value)];
  if (isPathTemplate(value)) return [value.split('{**}').join('x').split('{*}').join('x')];
  const { kind, text } = readTextPattern(value);
  if (kind === 'any') return ['/'];
  if (kind === 'suffix') return [text.startsWith('/') ? text : `/x${text}`, `/x${text}`];
  return [text === '' ? '/' : text, `${text}x`];
}

function plainExample(value: string): string {
  const { kind, text } = readTextPattern(value);
  return textExample(kind, text);
}

function textExample(kind: 'any' | 'exact' | 'prefix' | 'suffix', text: string): string {
  return kind === 'any' || text === '' ? 'x' : text;
}

/** Changes that should take a request out of a clause's values. */
export function otherChanges(target: ClauseTarget, { trustDomain }: ExampleScope): readonly RequestChange[] {
  switch (target.kind) {
    case 'peer':
      return [
        { set: 'peer', value: `spiffe://${trustDomain}/ns/other-namespace/sa/other-account` },
        { set: 'peer', value: undefined },
      ];
    case 'request-principal':
      return [
        { set: 'claims', issuer: 'other-issuer', subject: 'other-subject' },
        { set: 'tokens', value: 'none' },
      ];
    case 'ip':
      return ['198.51.100.7', '203.0.113.9', '2001:db8::7'].map((value) => ({ set: target.set, value }));
    case 'port':
      return [{ set: 'destinationPort', value: 1 }];
    case 'text':
      return otherTexts[target.set].map((value) => ({ set: target.set, value }));
    case 'header':
      return [
        { set: 'header', name: target.name, value: undefined },
        { set: 'header', name: target.name, value: 'other-value' },
      ];
    case 'claim':
      return [{ set: 'claim', path: target.path, value: 'other-value' }];
    case 'metadata':
      return [];
  }
}

const otherTexts = {
  sni: ['other.example', ''],
  method: ['OTHER', 'GET', 'POST'],
  authority: ['other.example'],
  path: ['/other', '/'],
} as const;
