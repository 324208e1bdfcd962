/**
 * Trust domain aliases (policy.md §3.10). Only a value of exactly five parts, whose first is not `*`, is expanded; the
 * others say nothing that Istio would take for a trust domain.
 */
export function expandPrincipals(values: readonly string[], bundle: readonly string[]): readonly string[] {
  const alone = bundle.length === 1 ? (bundle[0] as string) : undefined;
  if (values.every((value) => isUnchanged(value, alone))) return values;
  return values.flatMap((value) => {
    const trustDomain = principalTrustDomain(value);
    return trustDomain === undefined ? [value] : expandPrincipal(value, trustDomain, bundle);
  });
}

/** The usual case, seen without taking the value apart: one trust domain, and the value is in it. */
function isUnchanged(value: string, alone: string | undefined): boolean {
  if (alone !== undefined && value.startsWith(alone) && value[alone.length] === '/') return true;
  const trustDomain = principalTrustDomain(value);
  return trustDomain === undefined || trustDomain === alone;
}

/** `trustDomains`: a value equal to one of the bundle stands for all of them; `cluster.local` is no pointer here. */
export function expandTrustDomains(values: readonly string[], bundle: readonly string[]): readonly string[] {
  return [...new Set(values.flatMap((value) => (bundle.includes(value) ? bundle : [value])))];
}

function principalTrustDomain(value: string): string | undefined {
  const parts = value.split('/');
  return parts.length === 5 && parts[0] !== '*' ? parts[0] : undefined;
}

function expandPrincipal(value: string, trustDomain: string, bundle: readonly string[]): readonly string[] {
  if (trustDomain !== 'cluster.local' && !belongsTo(trustDomain, bundle)) return [value];
  const path = value.slice(trustDomain.length);
  const expanded = bundle.map((member) => (isSuffixMatch(member, trustDomain) ? value : member + path));
  return [...new Set(expanded)];
}

/** Istio lets either side carry a wildcard at one end. */
function belongsTo(trustDomain: string, bundle: readonly string[]): boolean {
  return bundle.some(
    (member) =>
      trustDomain === member ||
      member === '*' ||
      isPrefixMatch(trustDomain, member) ||
      isPrefixMatch(member, trustDomain) ||
      isSuffixMatch(trustDomain, member) ||
      isSuffixMatch(member, trustDomain),
  );
}

function isPrefixMatch(text: string, pattern: string): boolean {
  return pattern.endsWith('*') && text.startsWith(pattern.slice(0, -1));
}

function isSuffixMatch(text: string, pattern: string): boolean {
  return pattern.startsWith('*') && text.endsWith(pattern.slice(1));
}
