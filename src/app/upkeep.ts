import { ulid } from '../base/random.ts';
import type { Store } from '../operations/ports/index.ts';
import type { Environment } from './environment.ts';
import type { Settings } from './settings/index.ts';

const periodMs = 3_600_000;

/** Removes records whose time is over, every hour (settings `retention`); what it removed is audited by the store. */
export function keepRecordsPruned(
  store: Store,
  retention: Settings['retention'],
  { clock, random, logger }: Environment,
): Disposable {
  let timer: Disposable;
  const prune = async () => {
    const now = clock.now();
    await store.maintenance.prune(
      {
        issuancesEndedBefore: now - retention.expiredCertificates,
        joinTokensEndedBefore: now - retention.joinTokens,
        trafficBefore: now - retention.traffic,
      },
      {
        actor: 'castellan',
        actorMethod: 'local',
        action: 'store.prune',
        object: 'records',
        result: 'success',
        requestId: ulid(now, random),
        detail: {},
      },
    );
  };
  const arm = () => {
    timer = clock.schedule(periodMs, () => {
      arm();
      prune().catch((error: unknown) => logger.warn('records could not be pruned', { error: String(error) }));
    });
  };
  arm();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
