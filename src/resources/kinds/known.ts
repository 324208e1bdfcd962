/** Which kinds are read, in which versions (D18). */
export const knownKinds = {
  PeerAuthentication: { group: 'security.istio.io', versions: ['v1', 'v1beta1'] },
  RequestAuthentication: { group: 'security.istio.io', versions: ['v1', 'v1beta1'] },
  AuthorizationPolicy: { group: 'security.istio.io', versions: ['v1', 'v1beta1'] },
  WorkloadEntry: { group: 'networking.istio.io', versions: ['v1', 'v1beta1', 'v1alpha3'] },
  ServiceEntry: { group: 'networking.istio.io', versions: ['v1', 'v1beta1', 'v1alpha3'] },
  MeshConfig: { group: 'castellan.dev', versions: ['v1alpha1'] },
  IdentityRegistration: { group: 'castellan.dev', versions: ['v1alpha1'] },
  PolicyTest: { group: 'castellan.dev', versions: ['v1alpha1'] },
  TrustBundle: { group: 'castellan.dev', versions: ['v1alpha1'] },
} as const satisfies Readonly<Record<string, { group: string; versions: readonly string[] }>>;

export type KnownKind = keyof typeof knownKinds;

/** Groups whose every kind must be one we know. */
export const closedGroups: readonly string[] = ['security.istio.io', 'castellan.dev'];

/** Groups and kinds of Istio 1.0 to 1.4, which `castellan convert` reads. */
export const legacyKinds: Readonly<Record<string, readonly string[]>> = {
  'authentication.istio.io': ['Policy', 'MeshPolicy'],
  'rbac.istio.io': ['ServiceRole', 'ServiceRoleBinding', 'RbacConfig', 'ClusterRbacConfig'],
};

export function isKnownKind(kind: string): kind is KnownKind {
  return Object.hasOwn(knownKinds, kind);
}
