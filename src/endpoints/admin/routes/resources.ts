import { type AppliedResource, applyResources } from '../../../operations/apply-resource.ts';
import { deleteResource } from '../../../operations/delete-resource.ts';
import { getResource, listResources, toDocument } from '../../../operations/get-resource.ts';
import type { StoredResource } from '../../../operations/ports/index.ts';
import { conditionsOf } from '../../../operations/resource-conditions.ts';
import { adminErrors } from '../errors.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminCall, type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

const document = {
  type: 'object',
  additionalProperties: true,
  description:
    'The document as it was applied, with `metadata.resourceVersion`, its age, and `status.conditions`: Accepted, and Programmed with the count of enforcers.',
};
const dnsName = { maxLength: 253, pattern: '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$' };
const key = {
  kind: s.text('Its kind.', { maxLength: 64, pattern: '^[A-Z][A-Za-z]*$' }),
  namespace: s.text('Its namespace.', dnsName),
  name: s.text('Its name.', dnsName),
};
export const finding = s.closed(
  {
    code: s.text('From the catalogue of findings.'),
    severity: s.text('How bad it is.', { enum: ['error', 'warning', 'info'] }),
    message: s.text('What is wrong.'),
    why: s.text('What it leads to.'),
    fix: s.text('What to write instead.'),
    file: s.text('Where: the file.'),
    line: s.whole('Where: the line.'),
    column: s.whole('Where: the column.'),
    path: s.text('Where: the field.'),
  },
  ['why', 'fix', 'file', 'line', 'column', 'path'],
);
const applied = s.one('ApplyResult', {
  applied: s.flag('It is stored. False for a dry run, and when a finding refused it.'),
  refused: s.flag('A finding refused all of it.'),
  revision: s.text('The revision of the store that holds the result.'),
  results: s.list(
    s.closed({
      ...key,
      outcome: s.text('What became of it.', { enum: ['created', 'updated', 'unchanged'] }),
    }),
    'What became of each document.',
  ),
  findings: s.list(finding, 'What is wrong, or unwise, in the text.'),
  skipped: s.list({ type: 'string' }, 'Documents of kinds that are not kept here.'),
});

type Key = { kind: string; namespace: string; name: string };
interface ApplyBody {
  text: string;
  file?: string;
  namespace?: string;
  dryRun?: boolean;
  shadow?: boolean;
}

async function apply(
  parts: AdminParts,
  { operator, reply }: Pick<AdminCall<never, never, never>, 'operator' | 'reply'>,
  request: Parameters<typeof applyResources>[2],
) {
  const outcome = await applyResources(parts.store.resources, operator, request);
  if (outcome.refused) reply.status(422);
  return {
    apiVersion: s.apiVersion,
    kind: 'ApplyResult',
    ...outcome,
    revision: String(outcome.revision),
    results: outcome.results.map((result: AppliedResource) => ({ ...result })),
  };
}

/** O15: what a writer had read. `if-none-match: *` creates only. */
function readCondition(headers: AdminCall<never, never, never>['headers']): bigint | 'absent' | undefined {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers;
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*' || ifMatch !== undefined) throw adminErrors.VERSION_MALFORMED();
    return 'absent';
  }
  if (ifMatch === undefined) return undefined;
  const version = /^"(\d{1,18})"$/.exec(ifMatch)?.[1];
  if (version === undefined) throw adminErrors.VERSION_MALFORMED();
  return BigInt(version);
}

/** With what became of it: conditions as Kubernetes writes them. */
function documentOf(parts: AdminParts, stored: StoredResource) {
  const { policyFeed: feed, enforcers } = parts;
  return toDocument(stored, conditionsOf(stored, { feed, enforcers }));
}

function listRoute(parts: AdminParts): AdminRoute {
  const { store } = parts;
  return route<unknown, { kind?: string; namespace?: string }>({
    method: 'GET',
    url: '/resources',
    role: 'viewer',
    tag: 'resources',
    summary: 'Stored resources, by kind, namespace and name.',
    schema: {
      querystring: s.open({ kind: key.kind, namespace: key.namespace }),
      answer: s.listOf('Resource', document, { revision: s.text('The revision of the store.') }),
    },
    handle: async ({ query }) => ({
      apiVersion: s.apiVersion,
      kind: 'ResourceList',
      revision: String(store.resources.revision()),
      items: (await listResources(store.resources, query)).map((stored) => documentOf(parts, stored)),
    }),
  });
}

function getRoute(parts: AdminParts): AdminRoute {
  const { store } = parts;
  return route<Key>({
    method: 'GET',
    url: '/resources/:kind/:namespace/:name',
    role: 'viewer',
    tag: 'resources',
    summary: 'One resource; its version is in the etag too.',
    schema: { params: s.closed(key), answer: document },
    handle: async ({ params, reply }) => {
      const found = await getResource(store.resources, params);
      reply.header('etag', `"${found.version}"`);
      return documentOf(parts, found);
    },
  });
}

function applyRoute(parts: AdminParts): AdminRoute {
  return route<unknown, unknown, ApplyBody>({
    method: 'POST',
    url: '/resources',
    role: 'admin',
    tag: 'resources',
    summary:
      'Applies a text of YAML or JSON documents: all or none. A document with `metadata.resourceVersion` is written only over that version.',
    schema: {
      body: s.closed(
        {
          text: s.text('The documents.', { maxLength: 1_000_000 }),
          file: s.text('The name that findings carry.', { maxLength: 1_024 }),
          namespace: s.text('The namespace of documents that name none.', dnsName),
          dryRun: s.flag('Say what would happen and change nothing.'),
          shadow: s.flag('Store authorization policies as dry-run, whatever they say.'),
        },
        ['file', 'namespace', 'dryRun', 'shadow'],
      ),
      answer: applied,
    },
    handle: (call) =>
      apply(parts, call, {
        text: call.body.text,
        file: call.body.file ?? 'request',
        defaultNamespace: call.body.namespace ?? 'default',
        dryRun: call.body.dryRun ?? false,
        shadow: call.body.shadow,
      }),
  });
}

function putRoute(parts: AdminParts): AdminRoute {
  return route<Key, unknown, object>({
    method: 'PUT',
    url: '/resources/:kind/:namespace/:name',
    role: 'admin',
    tag: 'resources',
    summary: 'Writes one resource over the version in `if-match`, or creates it with `if-none-match: *`.',
    schema: { params: s.closed(key), body: document, answer: applied },
    handle: async (call) => {
      const ifVersion = readCondition(call.headers);
      const present = await parts.store.resources.get(
        call.params.kind,
        call.params.namespace,
        call.params.name,
      );
      if (present !== undefined && ifVersion === undefined) throw adminErrors.VERSION_MISSING();
      return apply(parts, call, {
        text: JSON.stringify(call.body),
        file: 'request',
        defaultNamespace: call.params.namespace,
        dryRun: false,
        ifVersion: ifVersion ?? 'absent',
        only: call.params,
      });
    },
  });
}

function deleteRoute(parts: AdminParts): AdminRoute {
  return route<Key, { dryRun?: 'true' | 'false' }>({
    method: 'DELETE',
    url: '/resources/:kind/:namespace/:name',
    role: 'admin',
    tag: 'resources',
    summary: 'Deletes one resource; with `if-match`, only that version.',
    schema: {
      params: s.closed(key),
      querystring: s.open({ dryRun: s.flagText }),
      answer: s.one('DeleteResult', { resource: s.closed(key), deleted: s.flag('False for a dry run.') }),
    },
    handle: async ({ operator, params, query, headers }) => {
      const ifVersion = readCondition(headers);
      if (ifVersion === 'absent') throw adminErrors.VERSION_MALFORMED();
      const dryRun = query.dryRun === 'true';
      await deleteResource(parts.store.resources, operator, { ...params, ifVersion, dryRun });
      return { apiVersion: s.apiVersion, kind: 'DeleteResult', resource: params, deleted: !dryRun };
    },
  });
}

export function resourceRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [listRoute(parts), getRoute(parts), applyRoute(parts), putRoute(parts), deleteRoute(parts)];
}
