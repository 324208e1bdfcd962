import type { Store } from '../../src/operations/ports/index.ts';
import type { FakeClock } from '../fakes/clock.ts';

export interface StoreHarness {
  readonly store: Store;
  readonly clock: FakeClock;
  dispose(): Promise<void>;
}

export const hash = (n: number) => n.toString(16).padStart(64, '0');
export const serial = (n: number) => `01${n.toString(16).padStart(38, '0')}`;
