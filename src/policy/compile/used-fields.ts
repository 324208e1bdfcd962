import type { OperationSpec, RuleSpec, SourceSpec } from '../source.ts';

/** Which fields of a rule have values, a bit each: looked at for every rule, so written out and not looped over. */

const peer = 1;
const requestPrincipal = 2;
const sourceIp = 4;
const remoteIp = 8;
const host = 16;
const port = 32;
const method = 64;
const path = 128;

const http = requestPrincipal | host | method | path;

export function usedFields({ from, to }: RuleSpec): number {
  let used = 0;
  for (const source of from) used |= sourceFields(source);
  for (const operation of to) used |= operationFields(operation);
  return used;
}

function sourceFields(s: SourceSpec): number {
  const peers =
    s.principals.length +
    s.notPrincipals.length +
    s.namespaces.length +
    s.notNamespaces.length +
    s.serviceAccounts.length +
    s.notServiceAccounts.length +
    s.trustDomains.length +
    s.notTrustDomains.length;
  return (
    (peers > 0 ? peer : 0) |
    (s.requestPrincipals.length + s.notRequestPrincipals.length > 0 ? requestPrincipal : 0) |
    (s.ipBlocks.length + s.notIpBlocks.length > 0 ? sourceIp : 0) |
    (s.remoteIpBlocks.length + s.notRemoteIpBlocks.length > 0 ? remoteIp : 0)
  );
}

function operationFields(o: OperationSpec): number {
  return (
    (o.hosts.length + o.notHosts.length > 0 ? host : 0) |
    (o.ports.length + o.notPorts.length > 0 ? port : 0) |
    (o.methods.length + o.notMethods.length > 0 ? method : 0) |
    (o.paths.length + o.notPaths.length > 0 ? path : 0)
  );
}

export function needsHttpOf(used: number): boolean {
  return (used & http) !== 0;
}

const names: readonly (readonly [bit: number, input: string])[] = [
  [peer, 'source.principal'],
  [requestPrincipal, 'request.auth'],
  [sourceIp, 'source.ip'],
  [remoteIp, 'remote.ip'],
  [host, 'request.authority'],
  [port, 'destination.port'],
  [method, 'request.method'],
  [path, 'request.path'],
];

/** The inputs that these fields read, as `Field.input` names them. */
export function inputsOf(used: number): readonly string[] {
  return names.filter(([bit]) => (used & bit) !== 0).map(([, input]) => input);
}
