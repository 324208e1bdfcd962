import { createHash } from 'node:crypto';
import type { WorkloadFacts } from '../request.ts';
import type { DroppedRule, PolicySnapshot, SnapshotEntry } from '../snapshot.ts';
import type { AuthorizationPolicy, CompilableResource, EngineSettings } from '../source.ts';
import type { WorkloadView } from '../view.ts';
import { buildGroup, type Group } from './attachment.ts';
import { AttachmentIndex } from './attachment-index.ts';
import { type CompiledPolicy, compileAuthorization, type SharedOperations } from './authorization.ts';
import { Budget, compareText, type Steps, sortSteps } from './budget.ts';
import { contentHash } from './canonical.ts';
import { compilePeerRules } from './peer.ts';
import { compileServices } from './services.ts';
import { readSettings, type Settings, settingsText } from './settings.ts';
import { attachmentKey } from './target.ts';
import { compileTokenRules, inIssuerOrder, type TokenGroup, type TokenRule } from './tokens.ts';

export interface CompileOptions {
  /** What was compiled before: unchanged policies are taken over from it. */
  readonly previous?: PolicySnapshot | undefined;
  /** Work between two yields, in units of about one rule; default 300, about a millisecond. */
  readonly unitsPerSlice?: number;
  /** Asked every few units instead of counting them: the driver's clock. */
  readonly shouldPause?: () => boolean;
}

/** Compiles in one go. Throws POLICY_NOT_COMPILABLE in strict mode; then nothing has changed anywhere. */
export function compile(
  resources: Iterable<{ readonly kind: string }>,
  settings: EngineSettings = {},
  previous?: PolicySnapshot,
): PolicySnapshot {
  const steps = compileSteps(resources, settings, { previous, unitsPerSlice: Number.POSITIVE_INFINITY });
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in slices: call `next()` until it is done, doing other things between (D24). Kinds unknown to it are passed over. */
export function* compileSteps(
  resources: Iterable<{ readonly kind: string }>,
  settings: EngineSettings = {},
  options: CompileOptions = {},
): Steps<PolicySnapshot> {
  const budget = new Budget(options);
  const filled = readSettings(settings);
  const text = settingsText(filled);
  const previous = options.previous?.internals;
  const reusable = previous?.settingsText === text ? previous : undefined;
  const entries = yield* compileEntries(resources, { settings: filled, reusable: reusable?.entries, budget });
  const groups = yield* compileGroups(entries, reusable?.groupsByKey, budget);
  const keys = yield* orderKeys(entries, previous?.keys, budget);
  const revision = yield* computeRevision(entries, keys, { settings: text, budget });
  const parts = { entries, keys, groups, settings: filled, engineSettings: settings, text, revision };
  return yield* assemble(parts, budget);
}

const compiledKinds: ReadonlySet<string> = new Set([
  'PeerAuthentication',
  'RequestAuthentication',
  'AuthorizationPolicy',
  'WorkloadEntry',
  'ServiceEntry',
]);

type Entries = ReadonlyMap<string, SnapshotEntry>;

function* compileEntries(
  resources: Iterable<{ readonly kind: string }>,
  how: { readonly settings: Settings; readonly reusable: Entries | undefined; readonly budget: Budget },
): Steps<Entries> {
  const entries = new Map<string, SnapshotEntry>();
  const shared: SharedOperations = new Map();
  for (const item of resources) {
    if (!compiledKinds.has(item.kind)) continue;
    const resource = item as CompilableResource;
    const key = `${resource.kind}\u0000${resource.metadata.namespace}\u0000${resource.metadata.name}`;
    const rival = entries.get(key);
    if (rival === undefined || isLater(resource, rival.resource))
      entries.set(key, compileEntry(resource, how.reusable?.get(key), { settings: how.settings, shared }));
    const units = resource.kind === 'AuthorizationPolicy' ? 1 + resource.spec.rules.length : 1;
    if (how.budget.spend(units)) yield undefined;
  }
  return entries;
}

/** P09: of two writings of one object the later one counts, by resourceVersion where there is one. */
function isLater(candidate: CompilableResource, rival: CompilableResource): boolean {
  const version = ({ metadata }: CompilableResource) => Number(metadata.resourceVersion ?? 0);
  return !(version(candidate) < version(rival));
}

function compileEntry(
  resource: CompilableResource,
  before: SnapshotEntry | undefined,
  how: { readonly settings: Settings; readonly shared: SharedOperations },
): SnapshotEntry {
  if (before?.resource === resource) return before;
  const hash = contentHash(resource);
  if (resource.kind !== 'AuthorizationPolicy') return { resource, hash, authorization: undefined };
  const authorization =
    before?.hash === hash && before.authorization !== undefined
      ? before.authorization
      : compileAuthorization(resource, hash, how.settings, how.shared);
  return { resource, hash, authorization };
}

function* compileGroups(
  entries: Entries,
  reusable: ReadonlyMap<string, Group> | undefined,
  budget: Budget,
): Steps<ReadonlyMap<string, Group>> {
  const members = new Map<
    string,
    { at: Pick<Group, 'namespace' | 'attachment'>; policies: CompiledPolicy[] }
  >();
  for (const { authorization } of entries.values()) {
    if (authorization === undefined) continue;
    const { namespace } = authorization.ref;
    for (const { key, attachment } of authorization.attachments) {
      const known = members.get(key);
      if (known === undefined) members.set(key, { at: { namespace, attachment }, policies: [authorization] });
      else known.policies.push(authorization);
    }
    if (budget.spend(1)) yield undefined;
  }
  const groups = new Map<string, Group>();
  for (const [key, { at, policies }] of members) {
    const sorted = yield* sortSteps(policies, (a, b) => compareText(a.idPrefix, b.idPrefix), budget);
    const before = reusable?.get(key);
    const isSame =
      before?.policies.length === sorted.length && before.policies.every((policy, i) => policy === sorted[i]);
    groups.set(key, isSame ? before : yield* buildGroup(at, sorted, budget));
  }
  return groups;
}

/** The keys in order; those of the snapshot before when they are the same ones. */
function* orderKeys(
  entries: Entries,
  before: readonly string[] | undefined,
  budget: Budget,
): Steps<readonly string[]> {
  const isSame = before?.length === entries.size && before.every((key) => entries.has(key));
  return isSame ? before : yield* sortSteps([...entries.keys()], compareText, budget);
}

function* computeRevision(
  entries: Entries,
  keys: readonly string[],
  how: { readonly settings: string; readonly budget: Budget },
): Steps<string> {
  const { settings, budget } = how;
  const digest = createHash('sha256').update(settings);
  for (const key of keys) {
    digest.update(entries.get(key)?.hash ?? '');
    if (budget.spend(0.1)) yield undefined;
  }
  return digest.digest('hex');
}

interface Parts {
  readonly entries: Entries;
  readonly keys: readonly string[];
  readonly groups: ReadonlyMap<string, Group>;
  readonly settings: Settings;
  readonly engineSettings: EngineSettings;
  readonly text: string;
  readonly revision: string;
}

function* assemble(parts: Parts, budget: Budget): Steps<PolicySnapshot> {
  const groups = new AttachmentIndex<Group>();
  for (const group of parts.groups.values()) {
    groups.add(group);
    if (budget.spend(0.5)) yield undefined;
  }
  const resources = [...parts.entries.values()].map(({ resource }) => resource);
  const dropped: DroppedRule[] = [];
  let rules = 0;
  for (const { authorization } of parts.entries.values()) {
    if (authorization === undefined) continue;
    rules += authorization.rules.length;
    dropped.push(...authorization.dropped);
    if (budget.spend(0.1)) yield undefined;
  }
  const policies = resources.filter(
    (resource): resource is AuthorizationPolicy => resource.kind === 'AuthorizationPolicy',
  );
  const of = <K extends CompilableResource['kind']>(kind: K) =>
    resources.filter(
      (resource): resource is Extract<CompilableResource, { kind: K }> => resource.kind === kind,
    );
  return Object.freeze({
    revision: parts.revision,
    settings: parts.settings,
    counts: Object.freeze({ policies: policies.length, rules }),
    dropped: Object.freeze(dropped),
    internals: Object.freeze({
      settingsText: parts.text,
      engineSettings: parts.engineSettings,
      entries: parts.entries,
      keys: parts.keys,
      groups,
      groupsByKey: parts.groups,
      ...compileTokenGroups(of('RequestAuthentication')),
      peers: compilePeerRules(of('PeerAuthentication'), parts.settings.rootNamespace),
      services: compileServices(of('ServiceEntry'), of('WorkloadEntry'), parts.settings.trustDomains),
      views: new WeakMap<WorkloadFacts, WorkloadView>(),
    }),
  });
}

function compileTokenGroups(
  resources: readonly Extract<CompilableResource, { kind: 'RequestAuthentication' }>[],
): { readonly tokenGroups: AttachmentIndex<TokenGroup>; readonly tokenRules: readonly TokenRule[] } {
  const members = new Map<string, { group: TokenGroup; rules: TokenRule[] }>();
  for (const resource of resources)
    for (const { attachment, rules } of compileTokenRules(resource)) {
      const { namespace } = resource.metadata;
      const key = attachmentKey(namespace, attachment);
      let known = members.get(key);
      if (known === undefined) {
        const list: TokenRule[] = [];
        known = { group: { namespace, attachment, rules: list }, rules: list };
        members.set(key, known);
      }
      known.rules.push(...rules);
    }
  const tokenGroups = new AttachmentIndex<TokenGroup>();
  for (const { group } of members.values()) tokenGroups.add(group);
  return { tokenGroups, tokenRules: inIssuerOrder([...members.values()].flatMap(({ rules }) => rules)) };
}
