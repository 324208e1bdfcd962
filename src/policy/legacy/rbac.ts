import type { KnownService, RbacConfig, RoleRule, ServiceRole, ServiceRoleBinding } from './model.ts';
import { type Conversion, selectorOf } from './output.ts';
import { convertConstraints, operationOf } from './role-rules.ts';
import { type Selection, selectServices } from './services.ts';
import { convertSubject } from './subjects.ts';

export interface RbacObjects {
  readonly configs: readonly RbacConfig[];
  readonly roles: readonly ServiceRole[];
  readonly bindings: readonly ServiceRoleBinding[];
  readonly services: readonly KnownService[];
}

/** rbac.istio.io (policy.md 6.2): default deny from the configuration, one ALLOW policy a binding and service. */
export function convertRbac(conversion: Conversion, objects: RbacObjects): void {
  const config = activeConfig(conversion, objects);
  if (config !== undefined) convertConfig(conversion, config, objects.services);
  const bound = new Set<ServiceRole>();
  for (const binding of objects.bindings) {
    const role = objects.roles.find(
      (one) => one.name === binding.role && one.namespace === binding.namespace,
    );
    if (role === undefined)
      conversion.say(
        'CAS0813',
        binding,
        binding.role === ''
          ? 'the binding names no role'
          : `there is no ServiceRole \`${binding.role}\` in namespace ${binding.namespace}`,
      );
    else {
      bound.add(role);
      convertBinding(conversion, { binding, role, config }, objects.services);
    }
  }
  for (const role of objects.roles)
    if (!bound.has(role))
      conversion.say('CAS0813', role, 'no binding given here names this role: it allowed nobody anything');
}

/** A ClusterRbacConfig `default`, else an RbacConfig. */
function activeConfig(conversion: Conversion, { configs, bindings }: RbacObjects): RbacConfig | undefined {
  const usable = configs.filter((config) => {
    if (config.name === 'default') return true;
    conversion.say('CAS0813', config, 'a configuration not named `default` was ignored');
    return false;
  });
  const config = usable.find(({ kind }) => kind === 'ClusterRbacConfig') ?? usable[0];
  for (const other of usable)
    if (other !== config) conversion.say('CAS0813', other, 'another configuration took its place');
  const [binding] = bindings;
  if (configs.length === 0 && binding !== undefined)
    conversion.say(
      'CAS0811',
      binding,
      'no ClusterRbacConfig is given here: the policies are written as if RBAC was on, without a default of deny',
    );
  return config;
}

function convertConfig(conversion: Conversion, config: RbacConfig, services: readonly KnownService[]): void {
  const { rootNamespace } = conversion;
  const isDryRun = config.isPermissive;
  const denyAll = (namespace: string, selection?: Selection) =>
    conversion.write(
      config,
      'AuthorizationPolicy',
      { name: nameOf('rbac-default-deny', selection), namespace, isDryRun },
      selectorOf(selection?.labels ?? new Map()),
    );
  const allowAll = (namespace: string, selection?: Selection) =>
    conversion.write(
      config,
      'AuthorizationPolicy',
      { name: nameOf('rbac-excluded', selection), namespace, isDryRun },
      { ...selectorOf(selection?.labels ?? new Map()), action: 'ALLOW', rules: [{}] },
    );
  switch (config.mode) {
    case 'OFF':
      conversion.say('CAS0813', config, 'RBAC was off');
      return;
    case 'ON':
      denyAll(rootNamespace);
      return;
    case 'ON_WITH_INCLUSION':
      for (const namespace of config.inclusion.namespaces) denyAll(namespace);
      for (const selection of namedServices(conversion, config, config.inclusion.services, services))
        denyAll(selection.namespace, selection);
      return;
    default:
      denyAll(rootNamespace);
      for (const namespace of config.exclusion.namespaces) allowAll(namespace);
      for (const selection of namedServices(conversion, config, config.exclusion.services, services))
        allowAll(selection.namespace, selection);
  }
}

function nameOf(base: string, selection: Selection | undefined): string {
  return selection === undefined || selection.label === '' ? base : `${base}-${selection.label}`;
}

function namedServices(
  conversion: Conversion,
  config: RbacConfig,
  names: readonly string[],
  services: readonly KnownService[],
): readonly Selection[] {
  return names.flatMap((name) => {
    if (!name.includes('.')) {
      conversion.say(
        'CAS0814',
        config,
        `the service \`${name}\` of the configuration is not written with its namespace`,
      );
      return [];
    }
    const [selection] = selectServices(name, '', services) ?? [];
    if (selection === undefined) return [];
    sayGuess(conversion, config, selection);
    return [selection];
  });
}

function sayGuess(conversion: Conversion, object: RbacConfig | ServiceRole, selection: Selection): void {
  if (selection.isGuess)
    conversion.say(
      'CAS0812',
      object,
      `the labels of service \`${selection.label}\` are not known: \`app: ${selection.label}\` was written`,
    );
}

interface Bound {
  readonly binding: ServiceRoleBinding;
  readonly role: ServiceRole;
  readonly config: RbacConfig | undefined;
}

/** One policy for each group of services that the role's rules speak of. */
function convertBinding(conversion: Conversion, bound: Bound, services: readonly KnownService[]): void {
  const { binding, role, config } = bound;
  if (!isEnforced(conversion, bound)) return;
  const byLabels = new Map<string, { selection: Selection; rules: RoleRule[] }>();
  for (const rule of role.rules)
    for (const selection of selectionsOf(conversion, role, rule, services)) {
      const key = JSON.stringify([...selection.labels].map(([label, value]) => `${label}=${value}`).sort());
      const group = byLabels.get(key) ?? { selection, rules: [] };
      group.rules.push(rule);
      byLabels.set(key, group);
    }
  for (const { selection, rules } of byLabels.values()) {
    sayGuess(conversion, role, selection);
    const written = writtenRules(conversion, bound, rules, selection);
    if (written.length === 0) continue;
    const name =
      byLabels.size > 1 && selection.label !== '' ? `${binding.name}-${selection.label}` : binding.name;
    const isDryRun = binding.isPermissive || config?.isPermissive === true;
    conversion.write(
      binding,
      'AuthorizationPolicy',
      { name, namespace: binding.namespace, isDryRun },
      {
        ...selectorOf(labelsOf(selection, rules, binding.namespace)),
        action: 'ALLOW',
        rules: written,
      },
    );
  }
}

/** Labels that constraints of all these rules ask for narrow the selector. */
function labelsOf(
  selection: Selection,
  rules: readonly RoleRule[],
  namespace: string,
): ReadonlyMap<string, string> {
  const [first] = rules;
  if (rules.length !== 1 || first === undefined) return selection.labels;
  const { labels } = convertConstraints(first, namespace);
  return new Map([...selection.labels, ...labels]);
}

function isEnforced(conversion: Conversion, { binding, config }: Bound): boolean {
  const off = (reason: string) => {
    conversion.say('CAS0813', binding, reason);
    return false;
  };
  if (config?.mode === 'OFF') return off('RBAC was off');
  const { namespace } = binding;
  if (config?.mode === 'ON_WITH_INCLUSION') {
    const isIncluded =
      config.inclusion.namespaces.includes(namespace) ||
      config.inclusion.services.some((name) => name.split('.')[1] === namespace);
    return isIncluded || off(`RBAC did not include namespace ${namespace}`);
  }
  if (config?.mode === 'ON_WITH_EXCLUSION' && config.exclusion.namespaces.includes(namespace))
    return off(`RBAC excluded namespace ${namespace}`);
  return true;
}

function selectionsOf(
  conversion: Conversion,
  role: ServiceRole,
  rule: RoleRule,
  services: readonly KnownService[],
): readonly Selection[] {
  return rule.services.flatMap((pattern) => {
    const found = selectServices(pattern, role.namespace, services);
    if (found === undefined) {
      conversion.say(
        'CAS0814',
        role,
        `which services \`${pattern}\` matches is not known: convert it together with the Services`,
        rule.root,
      );
      return [];
    }
    const own = found.filter((selection) => selection.namespace === role.namespace);
    if (own.length < found.length)
      conversion.say(
        'CAS0813',
        role,
        `\`${pattern}\` is in another namespace than the role: it never applied`,
        rule.root,
      );
    return own;
  });
}

function writtenRules(
  conversion: Conversion,
  { binding, role }: Bound,
  rules: readonly RoleRule[],
  selection: Selection,
): readonly Record<string, unknown>[] {
  return rules.flatMap((rule) => {
    const constraints = convertConstraints(rule, binding.namespace);
    const isAlone = rules.length === 1;
    const problem =
      constraints.problem ??
      (constraints.labels.size > 0 && !isAlone
        ? `labels of \`${selection.label || '*'}\` differ from rule to rule: split the role`
        : undefined);
    if (problem !== undefined) {
      conversion.say('CAS0811', role, `${problem}; the rule was left out`, rule.root);
      return [];
    }
    const operation = operationOf(rule);
    return binding.subjects.flatMap((subject) => {
      const { from, when, notes, isNobody } = convertSubject(subject);
      for (const note of notes) conversion.say('CAS0811', binding, note, subject.root);
      if (isNobody) {
        conversion.say('CAS0813', binding, 'a subject without any property is nobody', subject.root);
        return [];
      }
      const conditions = [...when, ...constraints.when];
      return [
        {
          ...(from === undefined ? {} : { from: [{ source: from }] }),
          ...(operation === undefined ? {} : { to: [{ operation }] }),
          ...(conditions.length === 0 ? {} : { when: conditions }),
        },
      ];
    });
  });
}
