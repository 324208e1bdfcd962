import { SpiffeId, workloadAccount } from '../../spiffe/index.ts';
import type { LintContext, Place } from './context.ts';
import { bySafety, quote, type ValueList } from './rules.ts';

/** policy.md 3.10: which principals are translated to the mesh's trust domains, and which only look so. */
export function lintTrustDomain(
  context: LintContext,
  list: ValueList,
  item: { readonly value: string; readonly place: Place },
): void {
  if (!context.isMeshKnown || item.value.startsWith('spiffe://') || !item.value.includes('/')) return;
  const { mesh } = context;
  const bundle = [mesh.trustDomain, ...mesh.trustDomainAliases];
  const parts = item.value.split('/');
  const domain = parts[0] ?? '';
  if (domain.includes('*') || domain === '') return;
  const isPointer = domain === 'cluster.local';
  const isTranslated =
    parts.length === 5 && (isPointer || bundle.some((known) => matchesDomain(known, domain)));
  if (isTranslated) return;
  const isOwn = matchesDomain(mesh.trustDomain, domain);
  if (parts.length !== 5 && (isPointer || bundle.some((known) => matchesDomain(known, domain)))) {
    const isAlone = bundle.length === 1 && isOwn;
    if (!isAlone)
      context.report(
        'CAS0122',
        item.place,
        `${quote(item.value)} is compared as it stands, not as ${quote(bundle.join(', '))}`,
        {
          ...bySafety(list),
          fix: fixFor(item.value, mesh.trustDomain),
        },
      );
    return;
  }
  if (!bundle.some((known) => matchesDomain(known, domain)) && !mesh.caTrustDomains.includes(domain))
    context.report(
      'CAS0106',
      item.place,
      `the trust domain ${quote(domain)} is none of ${quote([...bundle, ...mesh.caTrustDomains].join(', '))}`,
      bySafety(list),
    );
}

function fixFor(value: string, trustDomain: string): string {
  const exact = SpiffeId.tryParse(`spiffe://${value}`);
  const account = exact && workloadAccount(exact);
  if (account !== undefined)
    return `write ${trustDomain}/ns/${account.namespace}/sa/${account.serviceAccount}`;
  const namespace = /\/ns\/([a-z0-9-]+)\/\*?$/.exec(value)?.[1];
  if (namespace !== undefined) return `use namespaces: ["${namespace}"]`;
  return `write ${trustDomain}${value.slice(value.indexOf('/'))}`;
}

/** An alias may have a wildcard at one end. */
function matchesDomain(known: string, domain: string): boolean {
  if (known.startsWith('*')) return domain.endsWith(known.slice(1));
  return known.endsWith('*') ? domain.startsWith(known.slice(0, -1)) : known === domain;
}
