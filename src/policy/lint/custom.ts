import { nearestName } from '../../base/nearest.ts';
import { type LintContext, place } from './context.ts';
import { quote } from './rules.ts';
import { scopesMeet } from './scope.ts';

/** policy.md 3.12. */
export function lintCustom(context: LintContext): void {
  const custom = context.policies.filter(({ resource }) => resource.spec.action === 'CUSTOM');
  const known = context.mesh.extensionProviders.map((provider) => provider.name);
  for (const [i, target] of custom.entries()) {
    const name = target.resource.spec.provider ?? '';
    if (context.isMeshKnown && !known.includes(name)) {
      const nearest = nearestName(name, known);
      context.report(
        'CAS0113',
        place(target, 'spec', 'provider', 'name'),
        `MeshConfig names no provider ${quote(name)}${nearest === undefined ? '' : `; did you mean \`${nearest}\`?`}`,
      );
    }
    const other = custom
      .slice(0, i)
      .find(
        ({ resource }) =>
          resource.spec.provider !== name &&
          scopesMeet(resource, target.resource, context.mesh.rootNamespace),
      );
    if (other !== undefined) {
      const { metadata, spec } = other.resource;
      context.report(
        'CAS0128',
        place(target, 'spec', 'provider', 'name'),
        `${quote(`${metadata.namespace}/${metadata.name}`)} asks ${quote(spec.provider ?? '')} about the same workloads`,
      );
    }
  }
}
