import { type Duration, days, hours } from '../base/duration.ts';
import { authorityErrors } from './errors.ts';
import type { RotationRules } from './rotation/model.ts';

/** A hierarchy that we keep ourselves: a root, and an intermediate that does the signing and renews itself. */
export interface SelfManagedSettings {
  readonly kind: 'self-managed';
  readonly root: { readonly keyType: 'P-256' | 'P-384'; readonly lifetime: Duration };
  /** Off: the root signs leaves. */
  readonly intermediate: { readonly enabled: boolean; readonly lifetime: Duration };
  /**
   * An operator says that the key of the root is gone for good: the intermediate signs while another root is made and
   * published. Without this a missing key stops the start (S06).
   */
  readonly rootKeyLost?: boolean;
  /** How often to look whether a renewal is due, at the latest. */
  readonly checkEvery: Duration;
}

export const defaultSelfManaged: SelfManagedSettings = {
  kind: 'self-managed',
  root: { keyType: 'P-256', lifetime: days(3650) },
  intermediate: { enabled: true, lifetime: days(30) },
  checkEvery: hours(1),
};

/** The key that signs checkpoints of the audit log: apart from the keys that sign certificates. */
export const auditKeyName = 'audit';

/** Refuses an intermediate that would be due for renewal all its life (D4). */
export function checkSelfManagedSettings(settings: SelfManagedSettings, defaultLeafLifetime: Duration): void {
  const { root, intermediate, checkEvery } = settings;
  if (intermediate.enabled && intermediate.lifetime < 3 * defaultLeafLifetime)
    throw authorityErrors.AUTHORITY_SETTINGS_INVALID({
      message: 'the intermediate must live at least three times as long as a leaf does by default',
    });
  if (intermediate.enabled && root.lifetime <= intermediate.lifetime)
    throw authorityErrors.AUTHORITY_SETTINGS_INVALID({
      message: 'the root must live longer than the intermediate',
    });
  if (checkEvery < 1000)
    throw authorityErrors.AUTHORITY_SETTINGS_INVALID({
      message: 'renewals cannot be checked more often than every second',
    });
}

/** When keys rotate by themselves; what is absent follows from their lifetimes. */
export type RotationSettings = Pick<RotationRules, 'thresholds' | 'rootsAutomatic'>;

export const defaultRotation: RotationSettings = { thresholds: {}, rootsAutomatic: true };
