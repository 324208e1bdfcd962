/** The kinds of Istio 1.0 to 1.4, as values (policy.md 6.1, 6.2). */
import type { MapNode } from '../../resources/index.ts';

/** Where a legacy object stands: for findings, and for the comment above what was made of it. */
export interface LegacyObject {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly root: MapNode;
}

export interface PathMatch {
  /** In today's form; undefined for a regular expression, which has none. */
  readonly pattern: string | undefined;
  readonly text: string;
}

export interface TriggerRule {
  readonly includedPaths: readonly PathMatch[];
  readonly excludedPaths: readonly PathMatch[];
}

export interface Origin {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly jwksUri: string | undefined;
  readonly jwks: string | undefined;
  readonly jwtHeaders: readonly string[];
  readonly jwtParams: readonly string[];
  readonly triggerRules: readonly TriggerRule[];
}

export interface PolicyTarget {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Numbers, or names of Service ports. */
  readonly ports: readonly (number | string)[];
}

export interface LegacyPolicy extends LegacyObject {
  readonly isMesh: boolean;
  readonly targets: readonly PolicyTarget[];
  /** Undefined: mutual TLS is not asked for. */
  readonly mtls: { readonly mode: 'STRICT' | 'PERMISSIVE'; readonly allowTls: boolean } | undefined;
  readonly hasPeerJwt: boolean;
  readonly peerIsOptional: boolean;
  readonly origins: readonly Origin[];
  readonly originIsOptional: boolean;
  readonly bindsOrigin: boolean;
}

export interface Constraint {
  readonly key: string;
  readonly values: readonly string[];
}

/** Values by today's field: `paths`, `notPaths` … */
export type Lists = Readonly<Record<string, readonly string[]>>;

export interface RoleRule {
  readonly services: readonly string[];
  readonly operation: Lists;
  readonly constraints: readonly Constraint[];
  readonly root: MapNode;
}

export interface ServiceRole extends LegacyObject {
  readonly rules: readonly RoleRule[];
}

export interface Subject {
  readonly names: readonly string[];
  readonly notNames: readonly string[];
  readonly groups: readonly string[];
  readonly notGroups: readonly string[];
  readonly namespaces: readonly string[];
  readonly notNamespaces: readonly string[];
  readonly ips: readonly string[];
  readonly notIps: readonly string[];
  readonly properties: ReadonlyMap<string, string>;
  readonly root: MapNode;
}

export interface ServiceRoleBinding extends LegacyObject {
  readonly subjects: readonly Subject[];
  readonly role: string;
  readonly isPermissive: boolean;
}

export interface RbacTarget {
  readonly services: readonly string[];
  readonly namespaces: readonly string[];
}

export interface RbacConfig extends LegacyObject {
  readonly mode: 'OFF' | 'ON' | 'ON_WITH_INCLUSION' | 'ON_WITH_EXCLUSION';
  readonly inclusion: RbacTarget;
  readonly exclusion: RbacTarget;
  readonly isPermissive: boolean;
}

/** A Kubernetes Service that was among the files: it says what no policy says, labels and target ports. */
export interface KnownService {
  readonly name: string;
  readonly namespace: string;
  readonly selector: ReadonlyMap<string, string>;
  readonly ports: readonly {
    readonly name: string | undefined;
    readonly port: number;
    readonly targetPort: number | undefined;
  }[];
}
