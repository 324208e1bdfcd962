import { describePlace, type LintContext, type PeerTarget, place } from './context.ts';
import { comesFirst, isWide } from './effective-mtls.ts';
import { hasLabels, labelsOf } from './scope.ts';

/** policy.md 1.2. */
export function lintPeerAuthentications(context: LintContext): void {
  const { rootNamespace } = context.mesh;
  for (const target of context.peers) {
    const { metadata, spec } = target.resource;
    const isRoot = metadata.namespace === rootNamespace;
    if (isRoot && !isWide(target))
      context.report(
        'CAS0005',
        place(target, 'spec', 'selector'),
        `a selector in the root namespace ${rootNamespace} makes Istio ignore the whole object`,
        {
          fix: 'put it into the workload\u2019s own namespace',
        },
      );
    else if (spec.mode === 'UNSET' && [...spec.portModes.values()].every((mode) => mode === 'UNSET'))
      context.report(
        'CAS0005',
        place(target, 'spec'),
        'no mode is set: everything is inherited as if it were not there',
      );
    if (spec.mode === 'DISABLE')
      context.report('CAS0203', place(target, 'spec', 'mtls', 'mode'), 'mutual TLS is disabled');
    for (const [port, mode] of spec.portModes) {
      if (mode === 'DISABLE')
        context.report(
          'CAS0203',
          place(target, 'spec', 'portLevelMtls', String(port)),
          `mutual TLS is disabled on port ${port}`,
        );
      lintPort(context, target, port);
    }
  }
  lintClasses(context);
}

/** Two objects of one class do not merge. */
function lintClasses(context: LintContext): void {
  for (const [i, target] of context.peers.entries()) {
    const { metadata } = target.resource;
    for (const other of context.peers.slice(0, i)) {
      if (other.resource.metadata.namespace !== metadata.namespace || isWide(other) !== isWide(target))
        continue;
      const [a, b] = [labelsOf(target.resource), labelsOf(other.resource)];
      if (!isWide(target) && !hasLabels(a, b) && !hasLabels(b, a)) continue;
      const isFirst = comesFirst(metadata, other.resource.metadata);
      const loser = isFirst ? other : target;
      const winner = isFirst ? target : other;
      const message = `${describePlace(place(winner, 'spec'))} counts, and this object is ignored`;
      context.report(
        isWide(target) ? 'CAS0001' : 'CAS0002',
        place(loser, 'spec'),
        isWide(target) ? message : `where both select: ${message}`,
      );
      break;
    }
  }
}

/** The key is a workload port: doubt it when a ServiceEntry maps it, or when it is one that Services use. */
function lintPort(context: LintContext, target: PeerTarget, port: number): void {
  const { metadata } = target.resource;
  const wanted = labelsOf(target.resource);
  const ports = context.services
    .filter(({ resource }) => resource.metadata.namespace === metadata.namespace)
    .filter(({ resource }) => {
      const labels = resource.spec.workloadSelector;
      return labels !== undefined && hasLabels(labels, wanted);
    })
    .flatMap(({ resource }) => resource.spec.ports);
  if (ports.some(({ number, targetPort }) => (targetPort ?? number) === port)) return;
  const mapped = ports.find(({ number }) => number === port);
  const at = place(target, 'spec', 'portLevelMtls', String(port));
  if (mapped !== undefined)
    context.report('CAS0206', at, `${port} is a Service port; the workload listens on ${mapped.targetPort}`, {
      fix: `write ${mapped.targetPort}`,
    });
  else if (ports.length === 0 && (port === 80 || port === 443))
    context.report(
      'CAS0206',
      at,
      `${port} is what Services usually listen on: is it the workload\u2019s own port?`,
      { severity: 'info' },
    );
}
