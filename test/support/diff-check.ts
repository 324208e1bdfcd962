import { type AuthzRequest, diffSnapshots, evaluate, type PolicySnapshot } from '../../src/policy/index.ts';

/** What is wrong with a semantic diff: nothing, when every claim is real and no difference among the requests is missed. */
export function checkDiff(
  before: PolicySnapshot,
  after: PolicySnapshot,
  requests: readonly AuthzRequest[],
): readonly string[] {
  const diff = diffSnapshots(before, after);
  const wrong: string[] = [];
  for (const { change, example } of diff.entries) {
    const [was, is] = [evaluate(before, example).outcome, evaluate(after, example).outcome];
    if (was === is || (change === 'gained') !== (is === 'allow')) wrong.push(`not real: ${was} to ${is}`);
  }
  for (const request of requests) {
    const [was, is] = [evaluate(before, request), evaluate(after, request)];
    const entry = diff.entryFor(request);
    const isDifferent = was.outcome !== is.outcome;
    if (isDifferent && entry === undefined && diff.isComplete)
      wrong.push(`missed: ${was.outcome} (${was.reason}) to ${is.outcome} (${is.reason})`);
    if (entry !== undefined && (!isDifferent || (entry.change === 'gained') !== (is.outcome === 'allow')))
      wrong.push(`covered by an entry that does not hold for it: ${was.outcome} to ${is.outcome}`);
  }
  return wrong;
}
