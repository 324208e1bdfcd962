/** The file names Istio knows (csr-api.md §3.2). */
export interface Layout {
  readonly kind: 'istio' | 'kubernetes-tls';
  readonly certificate: string;
  readonly key: string;
  /** Concatenated in this order they go between leaf and roots. */
  readonly chain: readonly string[];
  readonly roots: string;
  readonly crl: string | undefined;
}

/** The Secret `cacerts`. */
export const istioLayout: Layout = {
  kind: 'istio',
  certificate: 'ca-cert.pem',
  key: 'ca-key.pem',
  chain: ['cert-chain.pem'],
  roots: 'root-cert.pem',
  crl: 'ca-crl.pem',
};

/** A Secret of type kubernetes.io/tls, as cert-manager writes it. */
export const kubernetesTlsLayout: Layout = {
  kind: 'kubernetes-tls',
  certificate: 'tls.crt',
  key: 'tls.key',
  chain: ['tls.crt', 'ca.crt'],
  roots: 'ca.crt',
  crl: undefined,
};

export function requiredFiles(layout: Layout): readonly string[] {
  return [...new Set([layout.certificate, layout.key, ...layout.chain, layout.roots])];
}

/** Istio's order: `tls.crt` decides for the second layout. Undefined when no file of either is present. */
export function chooseLayout(present: ReadonlySet<string>): Layout | undefined {
  if (present.has(kubernetesTlsLayout.certificate)) return kubernetesTlsLayout;
  for (const layout of [istioLayout, kubernetesTlsLayout])
    if (requiredFiles(layout).some((name) => present.has(name))) return layout;
  return undefined;
}
