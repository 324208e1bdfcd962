import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { FakeLogger } from '../../../test/fakes/logger.ts';
import { FakeRandom } from '../../../test/fakes/random.ts';
import { FakeStore } from '../../../test/fakes/store.ts';
import { fakeAdminParts } from '../../../test/support/admin-parts.ts';
import { Secret } from '../../base/secret.ts';
import type { OperatorAccess } from './operators.ts';
import { adminPrefix, adminRoutes, adminServer } from './server.ts';

const adminToken = 'a'.repeat(43);
const viewerToken = 'v'.repeat(43);
const clock = new FakeClock();

async function serverWith(access?: OperatorAccess) {
  const store = new FakeStore({ clock });
  const parts = fakeAdminParts(store, clock);
  const tokens = [
    { name: 'admin', role: 'admin' as const, token: new Secret(adminToken) },
    { name: 'viewer', role: 'viewer' as const, token: new Secret(viewerToken) },
  ];
  const server = await adminServer({
    http: { logger: new FakeLogger(), clock, random: new FakeRandom() },
    access: access ?? { kind: 'tokens', tokens, clock },
    parts,
  });
  await server.ready();
  const call = (
    method: string,
    url: string,
    more: { body?: unknown; token?: string; headers?: object } = {},
  ) =>
    server.inject({
      method: method as 'GET',
      url: adminPrefix + url,
      headers: {
        ...(more.token === '' ? {} : { authorization: `Bearer ${more.token ?? adminToken}` }),
        ...(more.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...more.headers,
      },
      ...(more.body === undefined ? {} : { payload: JSON.stringify(more.body) }),
    });
  return { server, store, parts, call };
}

const concrete = (url: string) =>
  url.replace(':serial', '0a0a').replace(':kind', 'MeshConfig').replace(/:\w+/g, 'abcd');

/** What the router knows, from its tree: four columns a level, each with the rest of the path. */
function routesOf(tree: string): readonly string[] {
  const paths: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const found = /^([│├└─ ]*)(\S+)(?: \((.+)\))?$/.exec(line);
    if (found === null) return [];
    const [, indent = '', part = '', methods] = found;
    const level = indent.length / 4;
    paths[level] = `${paths[level - 1] ?? ''}${part}`;
    return (methods ?? '')
      .split(', ')
      .flatMap((method) => (method === '' ? [] : `${method} ${paths[level]}`));
  });
}

describe('every route of the admin API', () => {
  it('is refused without a token, with a wrong one, and for a viewer if it changes anything (adv:O01)', async () => {
    const { parts } = await serverWith();
    for (const { method, url, role } of adminRoutes(parts)) {
      const { call } = await serverWith();
      const path = concrete(url);
      expect((await call(method, path, { token: '' })).statusCode, `${method} ${url}`).toBe(401);
      expect((await call(method, path, { token: 'x'.repeat(43) })).statusCode, `${method} ${url}`).toBe(401);
      const asViewer = await call(method, path, { token: viewerToken });
      if (role === 'admin') expect(asViewer.statusCode, `${method} ${url}`).toBe(403);
      else expect([401, 403], `${method} ${url}`).not.toContain(asViewer.statusCode);
    }
  });

  it('is in the table: nothing else is served (adv:O01)', async () => {
    const { server, parts } = await serverWith();
    await server.ready();
    const served = routesOf(server.printRoutes({ commonPrefix: false }));
    const known = [
      ...adminRoutes(parts).map(({ method, url }) => `${method} ${adminPrefix}${url}`),
      `GET ${adminPrefix}/openapi.json`,
    ];
    // Fastify answers HEAD where there is a GET.
    expect(served.filter((one) => !one.startsWith('HEAD ')).toSorted()).toEqual(known.toSorted());
    const unknown = await server.inject({ url: '/anything' });
    expect(unknown.statusCode).toBe(401);
  });

  it('changes nothing by GET, and refuses what its schema does not name (adv:O02 adv:O09)', async () => {
    const { parts, store, call } = await serverWith();
    for (const { method, url, schema } of adminRoutes(parts)) {
      const path = concrete(url);
      if (method === 'GET') await call(method, path);
      expect((await call(method, `${path}?role=admin`)).statusCode, `${method} ${url}`).toBe(400);
      if (schema.body === undefined || url.includes(':kind')) continue;
      const body = { role: 'admin', id: 1, createdAt: 0 };
      expect((await call(method, path, { body })).statusCode, `${method} ${url}`).toBe(400);
    }
    expect(store.audit.head().sequence).toBe(0);
  });

  it('is described in an OpenAPI 3.1 document', async () => {
    const { call, parts } = await serverWith();
    const document = (await call('GET', '/openapi.json')).json();
    expect(document.openapi).toBe('3.1.0');
    const described = Object.entries(document.paths as object).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const known = adminRoutes(parts).map(
      ({ method, url }) => `${method} ${adminPrefix}${url.replace(/:(\w+)/g, '{$1}')}`,
    );
    expect(described.toSorted()).toEqual(known.toSorted());
    for (const methods of Object.values(document.paths as Record<string, Record<string, never>>))
      for (const operation of Object.values<{ summary: string; operationId: string }>(methods))
        expect([operation.summary, operation.operationId]).not.toContain(undefined);
  });
});

describe('the operator gate', () => {
  it('locks an address out after ten wrong tokens, for a minute (adv:O12)', async () => {
    const { call } = await serverWith();
    for (let i = 0; i < 10; i++)
      expect((await call('GET', '/version', { token: `${i}`.repeat(43) })).statusCode).toBe(401);
    const locked = await call('GET', '/version');
    expect([locked.statusCode, locked.json().code]).toEqual([429, 'OPERATOR_LOCKED_OUT']);
    expect(Number(locked.headers['retry-after'])).toBeGreaterThan(0);
    await clock.advance(60_000);
    expect((await call('GET', '/version')).statusCode).toBe(200);
  });

  it('takes no token from the URL, and no cookie (adv:O02 adv:O12)', async () => {
    const { call } = await serverWith();
    const inUrl = await call('GET', `/version?access_token=${adminToken}`, { token: '' });
    expect(inUrl.statusCode).toBe(401);
    expect((await call('GET', `/version?access_token=${adminToken}`)).statusCode).toBe(400);
    const headers = { cookie: `token=${adminToken}`, origin: 'https://evil.example' };
    expect((await call('GET', '/version', { token: '', headers })).statusCode).toBe(401);
  });

  it('lets whoever reaches the Unix socket do everything', async () => {
    const { call } = await serverWith({ kind: 'local' });
    const made = await call('POST', '/tokens', {
      token: '',
      body: { spiffeId: 'spiffe://cluster.local/ns/shop/sa/cart' },
    });
    expect(made.json()).toMatchObject({
      kind: 'JoinToken',
      token: expect.stringMatching(/^castellan_join_/),
    });
  });
});

describe('resources', () => {
  const doc = (more: object = {}, spec: object = {}) =>
    JSON.stringify({
      apiVersion: 'castellan.dev/v1alpha1',
      kind: 'MeshConfig',
      metadata: { name: 'mesh', ...more },
      spec,
    });

  it('are applied as a whole, audited, read back with version and age, and deleted', async () => {
    const { call, store } = await serverWith();
    const first = await call('POST', '/resources', { body: { text: doc() } });
    expect(first.json()).toMatchObject({ applied: true, results: [{ name: 'mesh', outcome: 'created' }] });
    const again = await call('POST', '/resources', { body: { text: doc() } });
    expect(again.json().results[0].outcome).toBe('unchanged');
    const found = await call('GET', '/resources/MeshConfig/default/mesh');
    expect(found.json().metadata).toEqual({
      name: 'mesh',
      namespace: 'default',
      resourceVersion: '1',
      creationTimestamp: expect.any(String),
    });
    expect(found.headers.etag).toBe('"1"');
    expect((await call('DELETE', '/resources/MeshConfig/default/mesh')).json().deleted).toBe(true);
    const actions = (await store.audit.list()).map(({ action }) => action);
    expect(actions).toEqual(['resource.delete', 'resource.create']);
  });

  it('with an error in one document change nothing, and say which line', async () => {
    const { call, store } = await serverWith();
    const body = { text: `${doc()}\n${doc({ name: 'other' }, { trustDomian: 'a' })}`, file: 'mesh.json' };
    const reply = await call('POST', '/resources', { body });
    expect([reply.statusCode, reply.json().refused, reply.json().findings[0].line]).toEqual([422, true, 2]);
    expect(store.resources.revision()).toBe(0n);
  });

  it('are not changed by a dry run', async () => {
    const { call, store } = await serverWith();
    const reply = await call('POST', '/resources', { body: { text: doc(), dryRun: true } });
    expect(reply.json()).toMatchObject({ applied: false, results: [{ outcome: 'created' }] });
    expect(store.audit.head().sequence).toBe(0);
  });

  it('are written only over the version that was read: one of two writers is told 409 (adv:O15)', async () => {
    const { call } = await serverWith();
    const put = (spec: object, headers: object) =>
      call('PUT', '/resources/MeshConfig/default/mesh', { body: JSON.parse(doc({}, spec)), headers });
    expect((await put({ trustDomain: 'v1' }, { 'if-none-match': '*' })).statusCode).toBe(200);
    const replies = await Promise.all([
      put({ trustDomain: 'v2' }, { 'if-match': '"1"' }),
      put({ trustDomain: 'v3' }, { 'if-match': '"1"' }),
    ]);
    expect(replies.map(({ statusCode }) => statusCode).sort((a, b) => a - b)).toEqual([200, 409]);
    expect((await put({ trustDomain: 'v4' }, {})).json().code).toBe('VERSION_MISSING');
    expect((await put({ trustDomain: 'v4' }, { 'if-none-match': '*' })).statusCode).toBe(409);
    expect((await put({ trustDomain: 'v4' }, { 'if-match': '2' })).json().code).toBe('VERSION_MALFORMED');
    const stale = await call('POST', '/resources', {
      body: { text: doc({ resourceVersion: '1' }, { trustDomain: 'v5' }) },
    });
    expect(stale.json().code).toBe('RESOURCE_VERSION_CONFLICT');
  });

  it('of a directory refuse changes, naming the file', async () => {
    const { call, store } = await serverWith();
    const audit = {
      actor: 'castellan',
      actorMethod: 'local',
      action: 'resource.create' as const,
      object: 'x',
      result: 'success' as const,
      requestId: 'r',
      detail: {},
    };
    const draft = { kind: 'MeshConfig', namespace: 'default', name: 'mesh', content: doc() };
    await store.resources.put({ ...draft, owner: 'directory:mesh.yaml' }, {}, audit);
    for (const reply of [
      await call('POST', '/resources', { body: { text: doc({}, { trustDomain: 'v2' }) } }),
      await call('DELETE', '/resources/MeshConfig/default/mesh'),
    ])
      expect([reply.statusCode, reply.json().title]).toEqual([409, expect.stringContaining('mesh.yaml')]);
  });

  it('that are not there look the same whatever is missing (adv:O10)', async () => {
    const { call } = await serverWith();
    const bodies = [];
    for (const path of ['MeshConfig/default/none', 'MeshConfig/other/mesh', 'Nothing/default/mesh'])
      bodies.push({ ...(await call('GET', `/resources/${path}`)).json(), requestId: '' });
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  });
});

describe('lists', () => {
  it('go on with a signed cursor that works for its own query only (adv:O11)', async () => {
    const { call } = await serverWith();
    for (let i = 0; i < 3; i++)
      await call('POST', '/tokens', { body: { spiffeId: `spiffe://cluster.local/a/${i}` } });
    const first = (await call('GET', '/audit?limit=2')).json();
    expect(first.items).toHaveLength(2);
    const next = (await call('GET', `/audit?limit=2&cursor=${encodeURIComponent(first.cursor)}`)).json();
    expect(next.items.map((item: { sequence: number }) => item.sequence)).toEqual([1]);
    const [body, signature] = (first.cursor as string).split('.') as [string, string];
    const forged = `${Buffer.from('4294967297').toString('base64url')}.${signature}`;
    for (const cursor of [forged, `${body}.`, '-1', `${first.cursor}x`])
      expect((await call('GET', `/audit?cursor=${encodeURIComponent(cursor)}`)).json().code).toBe(
        'CURSOR_INVALID',
      );
    const elsewhere = `/audit?action=join-token.create&cursor=${encodeURIComponent(first.cursor)}`;
    expect((await call('GET', elsewhere)).json().code).toBe('CURSOR_INVALID');
  });

  it('never hold a join token or its whole hash (adv:O07)', async () => {
    const { call } = await serverWith();
    const { token } = (
      await call('POST', '/tokens', { body: { spiffeId: 'spiffe://cluster.local/a' } })
    ).json();
    const listed = (await call('GET', '/tokens')).body;
    expect(listed).not.toContain(token);
    expect(listed).toContain('spiffe://cluster.local/a');
  });
});

describe('revocations', () => {
  it('say first what they would stop, then stop it, and can be lifted', async () => {
    const { call, store } = await serverWith();
    const spiffeId = 'spiffe://cluster.local/ns/shop/sa/cart';
    const dry = (await call('POST', '/revocations', { body: { spiffeId, dryRun: true } })).json();
    expect([dry.applied, store.revocations.isRevoked(undefined, spiffeId)]).toEqual([false, false]);
    const done = (await call('POST', '/revocations', { body: { spiffeId, reason: 'leaked' } })).json();
    expect([done.applied, store.revocations.isRevoked(undefined, spiffeId)]).toEqual([true, true]);
    expect((await call('GET', '/revocations')).json().items).toMatchObject([{ spiffeId, reason: 'leaked' }]);
    await call('POST', '/revocations/lift', { body: { spiffeId } });
    expect(store.revocations.isRevoked(undefined, spiffeId)).toBe(false);
    expect((await call('POST', '/revocations', { body: {} })).json().code).toBe('REVOCATION_TARGET_MISSING');
  });
});
