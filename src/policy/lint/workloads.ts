import { formatSelector } from '../../spiffe/index.ts';
import { type LintContext, place, type Target } from './context.ts';
import { hasLabels, labelsOf } from './scope.ts';

/** WorkloadEntries that no AuthorizationPolicy given here selects. */
export function lintUncovered(context: LintContext): void {
  if (context.policies.length === 0) return;
  for (const target of context.workloads) {
    const { metadata, spec } = target.resource;
    const isCovered = context.policies.some(
      ({ resource }) =>
        resource.spec.targetRefs.length === 0 &&
        (resource.metadata.namespace === metadata.namespace ||
          resource.metadata.namespace === context.mesh.rootNamespace) &&
        hasLabels(new Map([...metadata.labels, ...spec.labels]), labelsOf(resource)),
    );
    if (!isCovered)
      context.report(
        'CAS0115',
        place(target, 'spec'),
        'no AuthorizationPolicy given here selects this workload',
      );
  }
}

/** Registrations that differ in their identity only. */
export function lintRegistrations(context: LintContext): void {
  const seen = new Map<string, Target<'IdentityRegistration'>>();
  for (const target of context.registrations) {
    const { spec, metadata } = target.resource;
    if (spec.selectors.length === 0) continue;
    const key = JSON.stringify([spec.parentId?.uri ?? '', ...spec.selectors.map(formatSelector).sort()]);
    const other = seen.get(key);
    seen.set(key, other ?? target);
    if (other === undefined || other.resource.metadata.name === metadata.name) continue;
    if (spec.hint !== undefined && spec.hint !== other.resource.spec.hint) continue;
    context.report(
      'CAS0501',
      place(target, 'spec', 'selectors'),
      `\`${other.resource.metadata.name}\` registers ${other.resource.spec.spiffeId.uri} for the same selectors`,
    );
  }
}
