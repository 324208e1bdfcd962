import type { PolicyRef } from '../decision.ts';
import type { PolicyChange, PolicySuggestion } from '../explanation.ts';
import type {
  AuthorizationPolicy,
  CompilableResource,
  MtlsMode,
  OperationSpec,
  PeerAuthentication,
  RuleSpec,
  SourceSpec,
} from '../source.ts';

/** The resources with one suggestion's change; undefined when it does not fit them. */
export function changeResources(
  resources: readonly CompilableResource[],
  { policy, change }: Pick<PolicySuggestion, 'policy' | 'change'>,
): readonly CompilableResource[] | undefined {
  if (change.do === 'create-allow') return [...resources, newAllow(policy, change.rule)];
  const at = resources.findIndex((resource) => isNamed(resource, policy));
  const resource = resources[at];
  if (resource === undefined) return undefined;
  if (change.do === 'remove-policy') return resources.toSpliced(at, 1);
  const changed = changeOne(resource, change);
  return changed && resources.with(at, changed);
}

function isNamed({ kind, metadata }: CompilableResource, ref: PolicyRef): boolean {
  return kind === ref.kind && metadata.namespace === ref.namespace && metadata.name === ref.name;
}

function changeOne(resource: CompilableResource, change: PolicyChange): CompilableResource | undefined {
  if (resource.kind === 'PeerAuthentication')
    return change.do === 'set-mode' ? setMode(resource, change.mode, change.port) : undefined;
  if (resource.kind !== 'AuthorizationPolicy') return undefined;
  if (change.do === 'remove-rule') return withRules(resource, resource.spec.rules.toSpliced(change.rule, 1));
  if (change.do !== 'add-values') return undefined;
  const rule = resource.spec.rules[change.rule];
  const widened = rule && addValues(rule, change.at, change.values);
  return widened && withRules(resource, resource.spec.rules.with(change.rule, widened));
}

function withRules(policy: AuthorizationPolicy, rules: readonly RuleSpec[]): AuthorizationPolicy {
  return { ...policy, spec: { ...policy.spec, rules } };
}

function setMode(policy: PeerAuthentication, mode: MtlsMode, port: number | undefined): PeerAuthentication {
  if (port === undefined) return { ...policy, spec: { ...policy.spec, mode } };
  const portModes = new Map([...(policy.spec.portModes ?? []), [port, mode]]);
  return { ...policy, spec: { ...policy.spec, portModes } };
}

/** `at` is `from[0].source.principals`, `to[1].operation.paths` or `when[2].values`. */
function addValues(rule: RuleSpec, at: string, values: readonly string[]): RuleSpec | undefined {
  const list = at.slice(0, at.indexOf('['));
  const index = Number(at.slice(at.indexOf('[') + 1, at.indexOf(']')));
  const key = at.slice(at.lastIndexOf('.') + 1);
  if (list !== 'from' && list !== 'to' && list !== 'when') return undefined;
  const entries: readonly Readonly<Record<string, unknown>>[] = rule[list] as never;
  const entry = entries[index];
  const before = entry?.[key];
  if (entry === undefined || !Array.isArray(before)) return undefined;
  return { ...rule, [list]: entries.with(index, { ...entry, [key]: [...before, ...values] }) };
}

const none: readonly string[] = Object.freeze([]);
export const emptySource: SourceSpec = Object.freeze({
  principals: none,
  notPrincipals: none,
  requestPrincipals: none,
  notRequestPrincipals: none,
  namespaces: none,
  notNamespaces: none,
  serviceAccounts: none,
  notServiceAccounts: none,
  trustDomains: none,
  notTrustDomains: none,
  ipBlocks: none,
  notIpBlocks: none,
  remoteIpBlocks: none,
  notRemoteIpBlocks: none,
});
export const emptyOperation: OperationSpec = Object.freeze({
  hosts: none,
  notHosts: none,
  ports: none,
  notPorts: none,
  methods: none,
  notMethods: none,
  paths: none,
  notPaths: none,
});

/** A policy for a whole namespace with one rule of the given fields. */
function newAllow(
  policy: PolicyRef,
  fields: Readonly<Record<string, readonly string[]>>,
): AuthorizationPolicy {
  const of = (known: object) =>
    Object.fromEntries(Object.entries(fields).filter(([name]) => Object.hasOwn(known, name)));
  const source = of(emptySource);
  const operation = of(emptyOperation);
  const rule: RuleSpec = {
    from: Object.keys(source).length === 0 ? [] : [{ ...emptySource, ...source }],
    to: Object.keys(operation).length === 0 ? [] : [{ ...emptyOperation, ...operation }],
    when: [],
  };
  return {
    kind: 'AuthorizationPolicy',
    metadata: { namespace: policy.namespace, name: policy.name },
    spec: { action: 'ALLOW', rules: [rule] },
  };
}
