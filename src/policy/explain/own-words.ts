/** The request's values in the form in which the field is written: a namespace or an account, not the whole principal. */
export function inOwnWords(field: string, values: readonly string[]): readonly string[] {
  const part = partOf(field);
  if (part === undefined) return values;
  return values.map((value) => {
    const segments = value.split('/');
    if (segments.length !== 5 || segments[1] !== 'ns' || segments[3] !== 'sa') return value;
    const [trustDomain = '', , namespace = '', , account = ''] = segments;
    if (part === 'namespace') return namespace;
    return part === 'account' ? `${namespace}/${account}` : trustDomain;
  });
}

function partOf(field: string): 'namespace' | 'account' | 'trust domain' | undefined {
  if (/^source\.(namespaces|notNamespaces)$/.test(field) || field.startsWith('when[source.namespace]'))
    return 'namespace';
  if (
    /^source\.(serviceAccounts|notServiceAccounts)$/.test(field) ||
    field.startsWith('when[source.serviceAccount]')
  )
    return 'account';
  return /^source\.(trustDomains|notTrustDomains)$/.test(field) ||
    field.startsWith('when[source.trustDomain]')
    ? 'trust domain'
    : undefined;
}
