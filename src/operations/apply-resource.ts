import { type Finding, hasErrors } from '../resources/index.ts';
import { canonicalJson, type JsonValue } from './audit/index.ts';
import { auditOf, type Operator } from './operator.ts';
import { operatorErrors } from './operator-errors.ts';
import type { ResourceChange, ResourceStore, StoredResource } from './ports/index.ts';
import { type ReadResource, readResourceText } from './read-resource-text.ts';
import { asShadows } from './shadow-resources.ts';
import { isReadable, titleOf } from './stored-document.ts';

export interface ApplyRequest {
  readonly text: string;
  readonly file: string;
  readonly defaultNamespace: string;
  /** Says what would happen and changes nothing. */
  readonly dryRun: boolean;
  /** Policies are stored as dry-run: they decide nothing, and decisions tell what they would have decided. */
  readonly shadow?: boolean | undefined;
  /** For a text of one document: the version the writer had read, or `absent` for create only. */
  readonly ifVersion?: bigint | 'absent' | undefined;
  /** For a text of one document: it must be this one. */
  readonly only?: { readonly kind: string; readonly namespace: string; readonly name: string } | undefined;
}

export interface AppliedResource {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly outcome: 'created' | 'updated' | 'unchanged';
}

export interface ApplyOutcome {
  /** False when a finding refused it, or for a dry run. */
  readonly applied: boolean;
  readonly refused: boolean;
  readonly results: readonly AppliedResource[];
  readonly findings: readonly Finding[];
  readonly skipped: readonly string[];
  /** The store revision that holds the result. */
  readonly revision: bigint;
}

interface Plan {
  readonly result: AppliedResource;
  readonly change?: ResourceChange;
}

/** Reads, judges, compares and sets: all documents of the text or none. Throws RESOURCE_VERSION_CONFLICT. */
export async function applyResources(
  store: ResourceStore,
  operator: Operator,
  request: ApplyRequest,
): Promise<ApplyOutcome> {
  const read = readResourceText(request.text, request);
  const { findings, skipped } = read;
  const refused = hasErrors(findings);
  const outcome = {
    refused,
    findings,
    skipped,
    applied: false,
    results: [],
    revision: store.revision(),
  };
  if (refused) return outcome;
  checkNames(read.resources, request);
  const wanted = request.shadow === true ? await asShadows(store, read.resources) : read.resources;
  const plans: Plan[] = [];
  for (const resource of wanted) plans.push(await plan(store, resource, request));
  const results = plans.map(({ result }) => result);
  if (request.dryRun) return { ...outcome, results };
  const changes = plans.flatMap(({ change }) => (change === undefined ? [] : [change]));
  if (changes.length === 0) return { ...outcome, applied: true, results };
  const audits = results
    .filter(({ outcome: what }) => what !== 'unchanged')
    .map((result) => auditOf(operator, actionOf(result), titleOf(result)));
  const revision = await store.write(changes, audits);
  return { ...outcome, applied: true, results, revision };
}

function actionOf(result: AppliedResource) {
  return result.outcome === 'created' ? 'resource.create' : 'resource.update';
}

function checkNames(resources: readonly ReadResource[], { only, ifVersion }: ApplyRequest): void {
  if (only === undefined && ifVersion === undefined) return;
  const [first, ...more] = resources;
  const isIt =
    only === undefined ||
    (first?.kind === only.kind && first.namespace === only.namespace && first.name === only.name);
  if (first === undefined || more.length > 0 || !isIt) throw operatorErrors.RESOURCE_NAME_MISMATCH();
}

async function plan(store: ResourceStore, wanted: ReadResource, request: ApplyRequest): Promise<Plan> {
  const { kind, namespace, name, content } = wanted;
  const key = { kind, namespace, name };
  const present = await store.get(kind, namespace, name);
  if (present !== undefined) refuseOwned(present);
  const ifVersion = request.ifVersion ?? parseVersion(wanted.resourceVersion);
  const isUnchanged =
    present !== undefined &&
    // What is damaged is written again.
    isReadable(present) &&
    (ifVersion === undefined || ifVersion === present.version) &&
    meaningOf(content, present.createdAt) === meaningOf(present.content, present.createdAt);
  if (isUnchanged) return { result: { ...key, outcome: 'unchanged' } };
  return {
    result: { ...key, outcome: present === undefined ? 'created' : 'updated' },
    change: { put: { ...key, content, owner: '' }, ...(ifVersion === undefined ? {} : { ifVersion }) },
  };
}

/** The document without the order of its members; the age that was exported is the age that is known (D16). */
function meaningOf(content: string, createdAt: number): string {
  const document = JSON.parse(content) as {
    metadata: Record<string, JsonValue>;
    [member: string]: JsonValue;
  };
  const { creationTimestamp, ...metadata } = document.metadata;
  const age = typeof creationTimestamp === 'string' ? Date.parse(creationTimestamp) : createdAt;
  return canonicalJson({ ...document, metadata: { ...metadata, age } });
}

/** D19: what a directory owns is changed in the directory. */
export function refuseOwned(resource: StoredResource): void {
  if (resource.owner !== '')
    throw operatorErrors.RESOURCE_OWNED_BY_DIRECTORY({
      message: `${titleOf(resource)} belongs to \`${resource.owner}\``,
    });
}

/** Kubernetes' opaque version is our store revision; another text can match no version. */
export function parseVersion(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  return /^\d{1,18}$/.test(text) ? BigInt(text) : -1n;
}
