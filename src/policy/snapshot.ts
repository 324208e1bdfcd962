import type { Group } from './compile/attachment.ts';
import type { AttachmentIndex } from './compile/attachment-index.ts';
import type { CompiledPolicy, DroppedRule } from './compile/compiled-rule.ts';
import type { PeerRules } from './compile/peer.ts';
import type { ServiceNaming } from './compile/services.ts';
import type { Settings } from './compile/settings.ts';
import type { TokenGroup, TokenRule } from './compile/tokens.ts';
import type { WorkloadFacts } from './request.ts';
import type { CompilableResource, EngineSettings } from './source.ts';
import type { WorkloadView } from './view.ts';

export type { DroppedRule } from './compile/compiled-rule.ts';

/**
 * Everything that decides, compiled: immutable and whole. What a snapshot works out for a workload it remembers, keyed by
 * the workload object; that changes no answer.
 */
export interface PolicySnapshot {
  /** SHA-256 over the content, hexadecimal: the same resources and settings, in any order, give the same revision. */
  readonly revision: string;
  readonly settings: Settings;
  readonly counts: { readonly policies: number; readonly rules: number };
  readonly dropped: readonly DroppedRule[];
  /** For the rooms inside only. */
  readonly internals: SnapshotInternals;
}

export interface SnapshotInternals {
  readonly settingsText: string;
  /** As they were given. */
  readonly engineSettings: EngineSettings;
  readonly entries: ReadonlyMap<string, SnapshotEntry>;
  /** Of the entries, in order. */
  readonly keys: readonly string[];
  readonly groups: AttachmentIndex<Group>;
  readonly groupsByKey: ReadonlyMap<string, Group>;
  readonly tokenGroups: AttachmentIndex<TokenGroup>;
  readonly tokenRules: readonly TokenRule[];
  readonly peers: PeerRules;
  readonly services: ServiceNaming;
  readonly views: WeakMap<WorkloadFacts, WorkloadView>;
}

/** One resource as it went in, with what may be reused when it comes again. */
export interface SnapshotEntry {
  readonly resource: CompilableResource;
  readonly hash: string;
  readonly authorization: CompiledPolicy | undefined;
}
