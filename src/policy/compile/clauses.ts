import { type Cidr, parseCidr, parseIp, parseIpBlock } from '../../base/ip.ts';
import type { Field, Leaning } from '../match/clause.ts';
import {
  AccountField,
  IpField,
  type IpInput,
  NamespaceField,
  PortField,
  PrincipalField,
  SniField,
  TrustDomainField,
} from '../match/fields.ts';
import { HeaderField, HostField, MethodField, PathField } from '../match/http-fields.ts';
import { isPathTemplate, type PathTemplate, readPathTemplate } from '../match/path-template.ts';
import { ClaimField, MetadataField, RequestPrincipalField } from '../match/token-fields.ts';
import type { ConditionSpec, OperationField, SourceField } from '../source.ts';
import { readConditionKey } from './conditions.ts';
import { expandPrincipals, expandTrustDomains } from './trust-domains.ts';

/** Where a clause stands: what its compilation depends on beside its values. */
export interface ClauseScope {
  readonly namespace: string;
  readonly trustDomains: readonly string[];
  readonly leaning: Leaning;
}

/** A field of usable values, and the values that are not usable. */
export interface CompiledField {
  /** Undefined when no value is usable. */
  readonly field: Field | undefined;
  readonly bad: readonly string[];
}

const nothingBad: readonly string[] = [];
const good = (field: Field): CompiledField => ({ field, bad: nothingBad });

export function compileSource(
  name: SourceField,
  values: readonly string[],
  scope: ClauseScope,
): CompiledField {
  switch (name) {
    case 'principals':
      return good(new PrincipalField(expandPrincipals(values, scope.trustDomains)));
    case 'namespaces':
      return good(new NamespaceField(values));
    case 'serviceAccounts':
      return good(new AccountField(values.map((value) => qualifyAccount(value, scope.namespace))));
    case 'trustDomains':
      return good(new TrustDomainField(expandTrustDomains(values, scope.trustDomains)));
    case 'requestPrincipals':
      return good(new RequestPrincipalField(values));
    case 'ipBlocks':
      return compileIps('source.ip', values, scope);
    case 'remoteIpBlocks':
      return compileIps('remote.ip', values, scope);
  }
}

export function compileOperation(
  name: OperationField,
  values: readonly string[],
  scope: ClauseScope,
): CompiledField {
  switch (name) {
    case 'hosts':
      return good(new HostField(values, scope.leaning !== 'istio'));
    case 'ports':
      return compilePorts(values);
    case 'methods':
      return good(new MethodField(values));
    case 'paths':
      return compilePaths(values);
  }
}

/** `unknown`: the key is none of Istio's, so the whole rule goes. */
export function compileCondition(
  condition: ConditionSpec,
  values: readonly string[],
  scope: ClauseScope,
): CompiledField | 'unknown' {
  const key = readConditionKey(condition.key);
  if (key === 'unknown') return 'unknown';
  if (key === 'malformed') return { field: undefined, bad: values };
  switch (key.kind) {
    case 'header':
      return good(new HeaderField(key.name, values, scope.leaning !== 'istio'));
    case 'claim':
      return good(new ClaimField(key.path, values));
    case 'metadata':
      return good(new MetadataField(key.filter, key.key, values));
    case 'source.namespace':
      return compileSource('namespaces', values, scope);
    case 'source.serviceAccount':
      return compileSource('serviceAccounts', values, scope);
    case 'source.trustDomain':
      return compileSource('trustDomains', values, scope);
    case 'source.principal':
      return compileSource('principals', values, scope);
    case 'request.auth.principal':
      return compileSource('requestPrincipals', values, scope);
    case 'request.auth.audiences':
      return good(new ClaimField(['aud'], values));
    case 'request.auth.presenter':
      return good(new ClaimField(['azp'], values));
    case 'source.ip':
    case 'remote.ip':
    case 'destination.ip':
      return compileIps(key.kind, values, scope);
    case 'destination.port':
      return compilePorts(values);
    case 'connection.sni':
      return good(new SniField(values));
  }
}

/** Istio's two forms: `sa` in the policy's namespace, or `ns/sa`. */
export function qualifyAccount(value: string, namespace: string): string {
  return value.includes('/') ? value : `${namespace}/${value}`;
}

function compileIps(input: IpInput, values: readonly string[], scope: ClauseScope): CompiledField {
  const ranges: Cidr[] = [];
  const bad: string[] = [];
  for (const value of values) {
    const range = parseIpBlock(value);
    if (range === undefined || (scope.leaning !== 'istio' && hasHostBits(value))) bad.push(value);
    else ranges.push(range);
  }
  return { field: ranges.length === 0 ? undefined : new IpField(input, ranges), bad };
}

/** Strict mode takes `10.0.0.1/8` for a mistake (Z20); Istio clears the host bits. */
function hasHostBits(value: string): boolean {
  const slash = value.indexOf('/');
  if (slash === -1) return false;
  const written = parseIp(value.slice(0, slash));
  return written?.text !== parseCidr(value)?.network.text;
}

function compilePorts(values: readonly string[]): CompiledField {
  const ports: number[] = [];
  const bad: string[] = [];
  for (const value of values) {
    const port = readPort(value);
    if (port === undefined) bad.push(value);
    else ports.push(port);
  }
  return { field: ports.length === 0 ? undefined : new PortField(ports), bad };
}

function readPort(value: string): number | undefined {
  if (value === '' || value.length > 10) return undefined;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 48 || unit > 57) return undefined;
  }
  const port = Number(value);
  return port <= 65535 ? port : undefined;
}

function compilePaths(values: readonly string[]): CompiledField {
  const hasTemplate = values.some(isPathTemplate);
  if (!hasTemplate) return good(new PathField(values, []));
  const texts: string[] = [];
  const templates: PathTemplate[] = [];
  const bad: string[] = [];
  for (const value of values) {
    const template = isPathTemplate(value) ? readPathTemplate(value) : undefined;
    if (template !== undefined) templates.push(template);
    else if (isPathTemplate(value)) bad.push(value);
    else texts.push(value);
  }
  const isEmpty = texts.length + templates.length === 0;
  return { field: isEmpty ? undefined : new PathField(texts, templates), bad };
}
