import { compareFindings, type Finding, type ParseResult } from '../../resources/index.ts';
import { readPolicyTest } from '../test/read.ts';
import { lintFinding } from './catalogue.ts';
import { LintContext, type LintFacts } from './context.ts';
import { lintCustom } from './custom.ts';
import { lintEmpty } from './empty.ts';
import { lintIdentity } from './identity.ts';
import { lintPathSpelling } from './paths.ts';
import { lintPeerAuthentications } from './peer-authentication.ts';
import { lintRequestAuthentications } from './request-authentication.ts';
import { lintShadowing } from './shadowing.ts';
import { applySuppressions, type LintFinding, type SuppressionRule } from './suppress.ts';
import { lintTargets } from './targets.ts';
import { lintTcp } from './tcp.ts';
import { lintTokenUse } from './tokens.ts';
import { lintTokenNegatives, lintValues } from './values.ts';
import { lintRegistrations, lintUncovered } from './workloads.ts';

export { findingCatalogue, lintCatalogue } from './catalogue.ts';
export type { LintFacts } from './context.ts';
export { applyEdits } from './edits.ts';
export { formatSarif } from './sarif.ts';
export { type LintFinding, parseSuppressions, type Suppression, type SuppressionRule } from './suppress.ts';

/** Each looks at one idea; the order is only that of reading. */
const lints: readonly ((context: LintContext) => void)[] = [
  lintPeerAuthentications,
  lintRequestAuthentications,
  lintTargets,
  lintEmpty,
  lintValues,
  lintTokenNegatives,
  lintTokenUse,
  lintIdentity,
  lintTcp,
  lintPathSpelling,
  lintCustom,
  lintShadowing,
  lintUncovered,
  lintRegistrations,
];

export interface LintOptions {
  readonly facts?: LintFacts;
  /** Suppressions from the command line. */
  readonly suppress?: readonly SuppressionRule[];
}

/**
 * Everything there is to say about what was parsed: the findings of reading and admission, and the lint's own, by place.
 * A suppressed finding stays in the list and carries its reason.
 */
export function lint(result: ParseResult, options: LintOptions = {}): readonly LintFinding[] {
  const context = new LintContext(result.parsed, options.facts ?? {});
  for (const run of lints) run(context);
  const findings = [
    ...result.findings,
    ...context.findings,
    ...legacyFindings(result),
    ...testFindings(result),
  ];
  return Object.freeze(
    applySuppressions(findings, result.parsed, options.suppress ?? []).sort(compareFindings),
  );
}

/** A PolicyTest is read whole by its runner; what it cannot use is said here too. */
function testFindings(result: ParseResult): readonly Finding[] {
  return result.resources.flatMap((resource) =>
    resource.kind === 'PolicyTest' ? readPolicyTest(resource).findings : [],
  );
}

function legacyFindings(result: ParseResult): Finding[] {
  return result.legacy.map(({ group, kind, root }) =>
    lintFinding('CAS0801', root.get('kind') ?? root, `\`${kind}\` of ${group} is read by no mesh of today`),
  );
}
