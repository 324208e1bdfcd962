import { refuseOwned } from './apply-resource.ts';
import { getResource } from './get-resource.ts';
import { auditOf, type Operator } from './operator.ts';
import type { ResourceKey, ResourceStore } from './ports/index.ts';
import { titleOf } from './stored-document.ts';

export interface DeleteRequest extends ResourceKey {
  readonly ifVersion?: bigint | undefined;
  readonly dryRun: boolean;
}

/** Throws RESOURCE_UNKNOWN, RESOURCE_VERSION_CONFLICT or RESOURCE_OWNED_BY_DIRECTORY. */
export async function deleteResource(
  store: ResourceStore,
  operator: Operator,
  request: DeleteRequest,
): Promise<void> {
  const present = await getResource(store, request);
  refuseOwned(present);
  if (request.dryRun) return;
  const key = { kind: request.kind, namespace: request.namespace, name: request.name };
  const condition = request.ifVersion === undefined ? {} : { ifVersion: request.ifVersion };
  await store.delete(key, condition, auditOf(operator, 'resource.delete', titleOf(request)));
}
