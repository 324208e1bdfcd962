import type { ServingCertificate } from '../authority/index.ts';
import type { Health, HealthCheck } from '../operations/check-health.ts';
import type { State } from './state.ts';

export interface ReadinessParts {
  readonly state: State;
  readonly serving: ServingCertificate;
  readonly policy: { health(): Health };
  readonly isDraining: () => boolean;
}

/** All must be well for the server to be ready; the names are what `/readyz?verbose` shows. */
export function readinessChecks({
  state,
  serving,
  policy,
  isDraining,
}: ReadinessParts): readonly HealthCheck[] {
  const { authority, store, clockGuard, checkpointer } = state;
  return [
    {
      name: 'signer',
      check: () => {
        const { ready, notReadyReason } = authority.status();
        return ready ? well : unwell(notReadyReason ?? 'the signer is not ready');
      },
    },
    {
      name: 'store',
      check: () => {
        const health = store.health();
        return health.ready ? well : unwell(health.reason);
      },
    },
    {
      name: 'clock',
      check: () => {
        const verdict = clockGuard.check();
        return verdict.trusted ? well : unwell(verdict.detail);
      },
    },
    {
      name: 'serving-certificate',
      check: () => {
        const [alarm] = serving.alarms();
        return alarm === undefined ? well : unwell(alarm.code);
      },
    },
    { name: 'policy', check: () => policy.health() },
    {
      name: 'audit-checkpoints',
      check: () => (checkpointer.status.failures < 3 ? well : unwell('checkpoints cannot be written')),
    },
    { name: 'lifecycle', check: () => (isDraining() ? unwell('the server is shutting down') : well) },
  ];
}

const well: Health = Object.freeze({ ok: true });
const unwell = (reason: string): Health => ({ ok: false, reason });
