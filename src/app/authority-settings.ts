import { pluggedDirectory } from '../adapters/cacerts/index.ts';
import { type KeyProtection, type PassphraseSource, readPassphrase } from '../adapters/key-store/index.ts';
import { type AuthoritySettings, defaultSelfManaged } from '../authority/index.ts';
import type { Environment } from './environment.ts';
import type { Settings } from './settings/index.ts';

/** The authority as the settings want it. */
export function authoritySettings(settings: Settings, environment: Environment): AuthoritySettings {
  const { authority, trustDomain } = settings;
  return {
    trustDomain,
    leaves: {
      defaultLifetime: authority.workloadTtl,
      maximumLifetime: authority.maxWorkloadTtl,
      keyEnciphermentForEc: authority.keyEncipherment,
    },
    jwt: {
      keyType: authority.jwtKeyType,
      keyLifetime: authority.jwtKeyTtl,
      defaultLifetime: authority.jwtTtl,
      maximumLifetime: authority.maxJwtTtl,
      issuer: authority.jwtIssuer,
    },
    rotation: {
      rootsAutomatic: authority.rotateRoots,
      thresholds: {
        root: { prepareBefore: authority.rootPrepareBefore, activateBefore: authority.rootActivateBefore },
        jwt: { prepareBefore: authority.jwtPrepareBefore, activateBefore: authority.jwtActivateBefore },
      },
    },
    hierarchy:
      authority.cacertsDir === undefined
        ? {
            ...defaultSelfManaged,
            root: { keyType: authority.keyType, lifetime: authority.rootTtl },
            intermediate: { enabled: authority.intermediate, lifetime: authority.intermediateTtl },
            rootKeyLost: authority.rootKeyLost,
          }
        : { kind: 'plugged', files: pluggedDirectory(authority.cacertsDir, { clock: environment.clock }) },
  };
}

export interface Protection {
  readonly protection: KeyProtection;
  readonly warnings: readonly string[];
}

/** Sealed with the passphrase that the settings refer to; without one, unsealed. */
export async function keyProtection(settings: Settings, environment: Environment): Promise<Protection> {
  const source = passphraseSource(settings);
  if (source === undefined) return { protection: { kind: 'none' }, warnings: [] };
  const { passphrase, warnings } = await readPassphrase(source, environment.variables);
  return { protection: { kind: 'passphrase', passphrase }, warnings };
}

function passphraseSource({ authority }: Settings): PassphraseSource | undefined {
  if (authority.passphraseFile !== undefined) return { kind: 'file', path: authority.passphraseFile };
  if (authority.passphraseEnv !== undefined)
    return { kind: 'environment', variable: authority.passphraseEnv };
  return authority.passphraseFd === undefined
    ? undefined
    : { kind: 'descriptor', fd: authority.passphraseFd };
}
