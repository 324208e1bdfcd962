import { days, seconds } from '../base/duration.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import type { Authority } from './authority.ts';
import { IssuingAuthority } from './issuing-authority.ts';
import { checkJwtSettings, defaultJwtSettings, type JwtSettings } from './jwt-authority.ts';
import { checkLifetimePolicy, istioLifetimes } from './lifetime.ts';
import { PluggedSource } from './plugged-source.ts';
import type { AuthorityPorts, PluggedFilesSource } from './ports.ts';
import type { LeafPolicy } from './profile.ts';
import type { RotationRules } from './rotation/model.ts';
import { initialisePlugged, initialiseSelfManaged } from './self-managed.ts';
import {
  checkSelfManagedSettings,
  defaultRotation,
  type RotationSettings,
  type SelfManagedSettings,
} from './self-managed-settings.ts';
import { SelfManagedSource } from './self-managed-source.ts';
import { refreshHintFor, type SigningSource } from './signing-state.ts';
import type { AuthorityRole } from './slot.ts';

/** CA material that an operator plugs in. */
export interface PluggedSettings {
  readonly kind: 'plugged';
  readonly files: PluggedFilesSource;
}

export interface AuthoritySettings {
  readonly trustDomain: TrustDomain;
  readonly leaves: LeafPolicy;
  readonly hierarchy: SelfManagedSettings | PluggedSettings;
  /** `defaultRotation` when absent. */
  readonly rotation?: RotationSettings;
  /** `defaultJwtSettings` when absent. */
  readonly jwt?: JwtSettings;
}

/** Istio's lifetimes and key usage (csr-api.md §1.8, §1.9). */
export const defaultLeafPolicy: LeafPolicy = { ...istioLifetimes, keyEnciphermentForEc: true };

/**
 * Makes the keys and the journal of a new authority; the one way to do so, and only on request. Throws
 * AUTHORITY_EXISTS where there is one.
 */
export async function initialiseAuthority(ports: AuthorityPorts, settings: AuthoritySettings): Promise<void> {
  checkSettings(settings);
  const { trustDomain, hierarchy } = settings;
  if (hierarchy.kind === 'plugged') return initialisePlugged(ports, trustDomain);
  return initialiseSelfManaged(ports, trustDomain, { settings: hierarchy, jwt: jwtOf(settings) });
}

/** Opens the authority that is there and keeps it current until it is disposed of. Never makes a new one (S06). */
export async function openAuthority(ports: AuthorityPorts, settings: AuthoritySettings): Promise<Authority> {
  checkSettings(settings);
  const { trustDomain, leaves } = settings;
  const { serials, clock, logger } = ports;
  const source = await openSource(ports, settings);
  const jwt = jwtOf(settings);
  return new IssuingAuthority({ trustDomain, source, policy: leaves, jwt, serials, clock, logger });
}

function openSource(ports: AuthorityPorts, settings: AuthoritySettings): Promise<SigningSource> {
  const { trustDomain, hierarchy } = settings;
  const jwt = jwtOf(settings);
  const rules = rulesOf(settings);
  if (hierarchy.kind === 'plugged')
    return PluggedSource.open(ports, { trustDomain, files: hierarchy.files, jwt, rules });
  return SelfManagedSource.open(ports, { trustDomain, settings: hierarchy, jwt, rules });
}

function rulesOf(settings: AuthoritySettings): RotationRules {
  const { leaves, hierarchy, rotation = defaultRotation } = settings;
  const hasIntermediate = hierarchy.kind === 'self-managed' && hierarchy.intermediate.enabled;
  const roles: AuthorityRole[] = ['jwt'];
  if (hierarchy.kind === 'self-managed') roles.push('root');
  if (hasIntermediate) roles.push('intermediate');
  return {
    ...rotation,
    roles,
    hasIntermediate,
    intermediateLifetime: hasIntermediate ? hierarchy.intermediate.lifetime : days(0),
    leafLifetime: leaves.defaultLifetime,
    longestLeaf: leaves.maximumLifetime,
    longestToken: jwtOf(settings).maximumLifetime,
    refreshHint: seconds(refreshHintFor(leaves.defaultLifetime)),
  };
}

function jwtOf({ jwt = defaultJwtSettings }: AuthoritySettings): JwtSettings {
  return jwt;
}

function checkSettings(settings: AuthoritySettings): void {
  const { leaves, hierarchy } = settings;
  checkLifetimePolicy(leaves);
  checkJwtSettings(jwtOf(settings));
  if (hierarchy.kind === 'self-managed') checkSelfManagedSettings(hierarchy, leaves.defaultLifetime);
}
