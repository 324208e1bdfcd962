import type { Group } from './compile/attachment.ts';
import type { RuleSet } from './compile/rule-set.ts';
import type { TokenRule } from './compile/tokens.ts';
import type { WorkloadMtls } from './query/effective-mtls.ts';
import type { ExtensionProvider } from './source.ts';

/** Everything of a snapshot that concerns one workload. */
export interface WorkloadView {
  readonly mtls: WorkloadMtls;
  readonly groups: readonly Group[];
  readonly tokenRules: readonly TokenRule[];
  readonly audit: readonly RuleSet[];
  readonly deny: readonly RuleSet[];
  readonly allow: readonly RuleSet[];
  readonly dryDeny: readonly RuleSet[];
  readonly dryAllow: readonly RuleSet[];
  /** In the order of their names. */
  readonly custom: readonly CustomLayer[];
  readonly inputs: ViewInputs;
}

/** The CUSTOM policies of one provider. */
export interface CustomLayer {
  readonly name: string;
  /** Undefined when MeshConfig does not know it, or the workload has too many: then matching requests are denied. */
  readonly provider: ExtensionProvider | undefined;
  readonly isSelf: boolean;
  readonly sets: readonly RuleSet[];
  readonly drySets: readonly RuleSet[];
}

export interface ViewInputs {
  readonly connection: readonly string[];
  readonly tcp: readonly string[];
  readonly http: readonly string[];
}
