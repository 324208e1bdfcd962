import type { Metrics } from '../adapters/telemetry/index.ts';
import type { Clock } from '../base/clock.ts';
import type { KeySetKeeper } from '../jwt/index.ts';
import { signingKeys } from '../operations/rotation/index.ts';
import type { State } from './state.ts';

/** Gauges that are true at the moment of a scrape. */
export function sampleState(metrics: Metrics, state: State, clock: Clock): void {
  const { authority, store } = state;
  metrics.sample((set) => {
    const { authorities, alarms, bundleSequence, trustDomain } = authority.status();
    for (const { role, state: slot, serialShort, notAfter, notBefore } of authorities) {
      const labels = { role, state: slot, serial_short: serialShort };
      set('castellan_ca_certificate_not_after_timestamp_seconds', notAfter / 1000, labels);
      set('castellan_ca_certificate_not_before_timestamp_seconds', notBefore / 1000, labels);
    }
    for (const { code } of alarms) set('castellan_ca_alarms', 1, { code });
    set('castellan_trust_bundle_generation', Number(bundleSequence), { trust_domain: trustDomain });
    const [root] = authority.roots();
    const signing = authorities.findLast((entry) => entry.state === 'active');
    if (root !== undefined) expiry(set, 'root_cert', root.notAfter, clock);
    if (signing !== undefined) expiry(set, 'cert_chain', signing.notAfter, clock);
  });
  metrics.sample(async (set) => {
    const figures = store.maintenance.figures();
    set('castellan_store_ready', store.health().ready ? 1 : 0);
    set('castellan_store_bytes', figures.databaseBytes, { file: 'database' });
    set('castellan_store_bytes', figures.walBytes, { file: 'wal' });
    set('castellan_store_queued_writes', figures.queued);
    set('castellan_audit_sequence', store.audit.head().sequence);
    set('castellan_resources_revision', Number(store.resources.revision()));
    set('castellan_ca_records', await store.issuances.count());
    set('castellan_revocations', (await store.revocations.list()).length);
  });
}

/** Where each rotation is, and how much of its life every signing key has left. */
export function sampleRotation(
  metrics: Metrics,
  { authority }: Pick<State, 'authority'>,
  clock: Clock,
): void {
  metrics.sample(async (set) => {
    const now = clock.now();
    for (const { role, notBefore, notAfter } of signingKeys(authority))
      set('castellan_signing_key_life_left_ratio', Math.max(0, (notAfter - now) / (notAfter - notBefore)), {
        role,
      });
    for (const { role, phase, phases } of (await authority.rotation.status()).lines) {
      set('castellan_rotation_phase', ['idle', 'prepared', 'published', 'activated'].indexOf(phase), {
        role,
      });
      const waiting = phases.find(({ state }) => state === 'next')?.gate?.blockers ?? [];
      set('castellan_rotation_blockers', waiting.length, { role });
    }
  });
}

export function sampleKeySets(metrics: Metrics, keySets: readonly KeySetKeeper[], clock: Clock): void {
  metrics.sample((set) => {
    for (const keeper of keySets) {
      const { name, ageMs } = keeper.status();
      if (ageMs !== undefined)
        set('castellan_jwks_last_success_timestamp_seconds', (clock.now() - ageMs) / 1000, { issuer: name });
    }
  });
}

type Set = Parameters<Parameters<Metrics['sample']>[0]>[0];

function expiry(set: Set, what: 'root_cert' | 'cert_chain', notAfter: number, clock: Clock): void {
  set(`citadel_server_${what}_expiry_timestamp`, notAfter / 1000);
  set(`citadel_server_${what}_expiry_seconds`, (notAfter - clock.now()) / 1000);
}
