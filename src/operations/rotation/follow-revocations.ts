import type { Authority, RevokedLeaf } from '../../authority/index.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { IssuanceRecord, IssuanceStore, Revocation, RevocationStore } from '../ports/index.ts';

export interface FollowRevocationsDeps {
  readonly authority: Pick<Authority, 'setRevokedLeaves'>;
  readonly revocations: Pick<RevocationStore, 'list' | 'watch'>;
  readonly issuances: Pick<IssuanceStore, 'findBySerial' | 'findBySpiffeId'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const mostOfOne = 1_000;

/**
 * The deny list in the form that others understand: certificates on record that it stops go onto the revocation list
 * of who signed them. The deny list itself is the fast path and does not wait for this. Resolves when the lists say what the deny
 * list says now; then follows it.
 */
export async function followRevocations(deps: FollowRevocationsDeps): Promise<AsyncDisposable> {
  let isWanted = false;
  let running: Promise<void> | undefined;
  const run = async () => {
    while (isWanted) {
      isWanted = false;
      await deps.authority.setRevokedLeaves(await revokedLeaves(deps));
    }
  };
  const update = (): Promise<void> => {
    isWanted = true;
    running ??= run()
      .catch((error: unknown) => {
        deps.logger.error('revocation lists do not follow the deny list', { error: String(error) });
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const watch = deps.revocations.watch(() => void update());
  await update();
  return {
    async [Symbol.asyncDispose]() {
      watch[Symbol.dispose]();
      await running;
    },
  };
}

async function revokedLeaves(deps: FollowRevocationsDeps): Promise<readonly RevokedLeaf[]> {
  const now = deps.clock.now();
  const leaves = new Map<string, RevokedLeaf>();
  for (const revocation of await deps.revocations.list()) {
    for (const { serial, issuerKeyId, notAfter } of await recordsOf(deps, revocation))
      if (notAfter > now) leaves.set(serial, { serial, issuerKeyId, revokedAt: revocation.at });
  }
  return [...leaves.values()];
}

async function recordsOf(
  { issuances }: FollowRevocationsDeps,
  { serial, spiffeId }: Revocation,
): Promise<readonly IssuanceRecord[]> {
  if (spiffeId !== undefined) return issuances.findBySpiffeId(spiffeId, mostOfOne);
  const record = serial === undefined ? undefined : await issuances.findBySerial(serial);
  return record === undefined ? [] : [record];
}
