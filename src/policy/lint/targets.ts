import { type LintContext, type PolicyTarget, place, type RequestTarget } from './context.ts';
import { quote } from './rules.ts';

/** References that are well-formed and never followed (policy.md 3.8). */
export function lintTargets(context: LintContext): void {
  const targets: readonly (PolicyTarget | RequestTarget)[] = [...context.policies, ...context.requests];
  for (const target of targets) {
    const { metadata, spec } = target.resource;
    for (const ref of spec.targetRefs) {
      if (ref.kind !== 'GatewayClass') continue;
      if (metadata.namespace !== context.mesh.rootNamespace)
        context.report(
          'CAS0005',
          place(target, 'spec'),
          `a GatewayClass is followed from the root namespace ${context.mesh.rootNamespace} only`,
        );
      else if (ref.name !== 'istio-waypoint')
        context.report(
          'CAS0005',
          place(target, 'spec'),
          `the GatewayClass ${quote(ref.name)} is not istio-waypoint, the only one that is followed`,
        );
    }
  }
}
