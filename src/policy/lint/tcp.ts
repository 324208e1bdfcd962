import type { LintContext } from './context.ts';
import { allRules, isHttpOnly, quote, type RulePlace, type ValueList, valuesOf } from './rules.ts';
import { areCompatible, labelsOf } from './scope.ts';

/** policy.md 3.7: what HTTP conditions become on TCP. */
export function lintTcp(context: LintContext): void {
  for (const at of allRules(context)) {
    const { action } = at.target.resource.spec;
    if (action === 'AUDIT') continue;
    const lists = [...valuesOf(at)];
    const http = lists.find((list) => isHttpOnly(list.name));
    if (http === undefined) continue;
    const tcpPort = portsOf(lists).find((port) => isTcp(context, at, port));
    if (tcpPort !== undefined)
      context.report('CAS0109', { target: at.target, path: http.path }, onPort(action, http, tcpPort));
    else if (action === 'DENY' && !hasPorts(at) && !at.rule.to.some(isReportedByAdmission))
      reportDeny(context, at, http);
  }
}

/** DENY notRequestPrincipals ["*"] is the known way to require a token: there it is a word, not a warning. */
function reportDeny(context: LintContext, at: RulePlace, list: ValueList): void {
  const isRequirement = list.isNegative && list.values.includes('*');
  context.report(
    'CAS0109',
    { target: at.target, path: list.path },
    `on a TCP port ${quote(list.name)} is dropped, and this rule denies without it`,
    isRequirement ? { severity: 'info' } : {},
  );
}

function onPort(action: string, list: ValueList, port: number): string {
  if (action === 'ALLOW')
    return `port ${port} is TCP: with ${quote(list.name)} this rule never matches there`;
  return `port ${port} is TCP: ${quote(list.name)} is dropped there, and the rule matches without it`;
}

/** CAS0744 has said it. */
function isReportedByAdmission(operation: RulePlace['rule']['to'][number]): boolean {
  const { hosts, notHosts, methods, notMethods, paths, notPaths } = operation;
  return [hosts, notHosts, methods, notMethods, paths, notPaths].some((values) => values.length > 0);
}

function portsOf(lists: readonly ValueList[]): readonly number[] {
  return lists
    .filter((list) => !list.isNegative && (list.name === 'ports' || list.name === 'destination.port'))
    .flatMap((list) => list.values.map(Number));
}

function hasPorts({ rule }: RulePlace): boolean {
  if (rule.when.some(({ key }) => key === 'destination.port')) return true;
  return rule.to.length > 0 && rule.to.every(({ ports, notPorts }) => ports.length + notPorts.length > 0);
}

const tcpProtocols: ReadonlySet<string> = new Set(['TCP', 'TLS', 'HTTPS', 'MONGO', 'MYSQL', 'REDIS', 'UDP']);

/** True when a ServiceEntry given here declares the workload port as TCP for workloads of the policy. */
function isTcp(context: LintContext, at: RulePlace, port: number): boolean {
  const policy = at.target.resource;
  return context.services.some(({ resource }) => {
    const { metadata, spec } = resource;
    const inReach =
      policy.metadata.namespace === context.mesh.rootNamespace ||
      metadata.namespace === policy.metadata.namespace;
    if (!inReach || spec.location !== 'MESH_INTERNAL') return false;
    const labels = spec.workloadSelector;
    if (labels !== undefined && !areCompatible(labels, labelsOf(policy))) return false;
    return spec.ports.some(
      ({ number, targetPort, protocol }) =>
        (targetPort ?? number) === port && tcpProtocols.has(protocol ?? ''),
    );
  });
}
