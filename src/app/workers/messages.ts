import type { ServingMaterial } from '../../authority/index.ts';
import type { DenyContent, FollowedChange, TrustContent } from '../../operations/policy-content/index.ts';
import type { KeySetPlace } from '../../operations/policy-snapshot/index.ts';
import type { DecisionRow, StoredResource, TrafficRow } from '../../operations/ports/index.ts';
import type { Settings } from '../settings/index.ts';

/** What the server tells a worker, in order. Structured clones: maps, bytes and bigints as they are. */
export type ToWorker =
  | {
      readonly kind: 'start';
      readonly settings: Settings;
      readonly serving: ServingMaterial;
      readonly trust: TrustContent;
      readonly denied: DenyContent;
      readonly resources: readonly StoredResource[];
      readonly revision: bigint;
    }
  | { readonly kind: 'prepare'; readonly revision: bigint; readonly changes: readonly FollowedChange[] }
  | { readonly kind: 'activate'; readonly revision: bigint }
  | { readonly kind: 'cancel'; readonly revision: bigint }
  | { readonly kind: 'serving'; readonly serving: ServingMaterial }
  | { readonly kind: 'trust'; readonly trust: TrustContent }
  | { readonly kind: 'denied'; readonly denied: DenyContent }
  | { readonly kind: 'key-set'; readonly id: number; readonly text?: string; readonly problem?: string }
  | { readonly kind: 'scrape'; readonly id: number }
  | { readonly kind: 'drain'; readonly graceMs: number };

export type FromWorker =
  /** It runs, and waits for `start`. */
  | { readonly kind: 'hello' }
  | {
      readonly kind: 'ready';
      readonly addresses: { readonly extAuthz: string; readonly extAuthzHttp: string };
    }
  | { readonly kind: 'failed'; readonly problem: string }
  | { readonly kind: 'prepared'; readonly revision: bigint }
  | { readonly kind: 'refused'; readonly revision: bigint; readonly problem: string }
  | { readonly kind: 'activated'; readonly revision: bigint }
  | { readonly kind: 'decisions'; readonly rows: readonly DecisionRow[]; readonly dropped: number }
  | { readonly kind: 'traffic'; readonly rows: readonly TrafficRow[] }
  | { readonly kind: 'key-set'; readonly id: number; readonly place: KeySetPlace }
  | { readonly kind: 'scraped'; readonly id: number; readonly metrics: readonly object[] };
