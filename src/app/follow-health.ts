import type { Clock } from '../base/clock.ts';
import { checkHealth, type HealthCheck } from '../operations/check-health.ts';
import type { HealthBoard } from '../operations/health-board.ts';

const periodMs = 1_000;

/** The gRPC health service says what readiness says, a second later at most. */
export function followHealth(
  board: HealthBoard,
  readiness: readonly HealthCheck[],
  clock: Clock,
): Disposable {
  let timer: Disposable | undefined;
  let isClosed = false;
  const look = async () => {
    const { ok } = await checkHealth(readiness);
    if (isClosed) return;
    board.setAll(ok);
    timer = clock.schedule(periodMs, () => void look());
  };
  void look();
  return {
    [Symbol.dispose]() {
      isClosed = true;
      timer?.[Symbol.dispose]();
    },
  };
}
