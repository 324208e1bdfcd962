import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeIo } from '../../../test/fakes/io.ts';
import { AdminClient } from './admin-client.ts';
import { findServer } from './discover.ts';

const root = mkdtempSync(join(tmpdir(), 'castellan-client-'));
afterAll(() => rmSync(root, { recursive: true }));
const code = (wanted: string) => expect.objectContaining({ code: wanted });

/** A directory with a live socket and its endpoints.json; `close` removes nothing. */
async function serve(name: string, answer: (path: string) => { status: number; body: string }) {
  const directory = join(root, name);
  mkdirSync(directory, { recursive: true });
  const socket = join(directory, 'admin.sock');
  const server: Server = createServer((request, reply) => {
    const { status, body } = answer(request.url ?? '');
    reply.writeHead(status, { 'content-type': 'application/json', 'retry-after': '7' }).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  writeFileSync(join(directory, 'endpoints.json'), JSON.stringify({ adminSocket: `unix:${socket}` }));
  return { directory, socket, server };
}

describe('the way to the server', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  it('is --server, then the context, then CASTELLAN_STATE_DIR, then ./.castellan', async () => {
    const [here, there] = [
      await serve('cwd/.castellan', () => ({ status: 200, body: '{}' })),
      await serve('state', () => ({ status: 200, body: '{}' })),
    ];
    servers.push(here.server, there.server);
    const home = join(root, 'home');
    const cwd = join(root, 'cwd');
    const env = { XDG_CONFIG_HOME: home };
    expect(findServer(new FakeIo({ cwd, env }), undefined).address).toMatchObject({ path: here.socket });
    const withState = { ...env, CASTELLAN_STATE_DIR: '../state' };
    expect(findServer(new FakeIo({ cwd, env: withState }), undefined).address).toMatchObject({
      path: there.socket,
    });
    mkdirSync(join(home, 'castellan'), { recursive: true });
    const contexts = {
      currentContext: 'prod',
      contexts: { prod: { server: 'ca.example', tokenFile: '/t' } },
    };
    writeFileSync(join(home, 'castellan', 'contexts.json'), JSON.stringify(contexts));
    expect(findServer(new FakeIo({ cwd, env }), undefined)).toMatchObject({
      address: { host: 'ca.example', port: 15_080 },
      tokenFile: '/t',
    });
    expect(findServer(new FakeIo({ cwd, env }), `unix:${there.socket}`).address).toMatchObject({
      path: there.socket,
    });
  });

  it.each(['http://ca.example', 'ca.example:99999', 'ca.example/path', 'https://me@ca.example', ''])(
    'is never %j',
    (text) => {
      expect(() => findServer(new FakeIo({ cwd: root }), text)).toThrow(code('USAGE'));
    },
  );

  it('is not a plain file that somebody put in place of the socket', async () => {
    const directory = join(root, 'fake/.castellan');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'admin.sock'), '');
    writeFileSync(
      join(directory, 'endpoints.json'),
      JSON.stringify({ adminSocket: `unix:${directory}/admin.sock` }),
    );
    const io = new FakeIo({ cwd: join(root, 'fake'), env: { XDG_CONFIG_HOME: join(root, 'nothing') } });
    expect(() => findServer(io, undefined)).toThrow(code('SERVER_UNTRUSTED'));
  });

  it('that leads nowhere says where it looked', () => {
    const io = new FakeIo({ cwd: join(root, 'none'), env: { XDG_CONFIG_HOME: join(root, 'nothing') } });
    expect(() => findServer(io, undefined)).toThrow(/none\/\.castellan/);
  });
});

describe('the client', () => {
  let client: AdminClient;
  let server: Server;
  let answer = { status: 200, body: '{}' };
  beforeEach(async () => {
    const served = await serve('api', () => answer);
    server = served.server;
    const address = { kind: 'socket' as const, path: served.socket, foundBy: 'test' };
    client = new AdminClient({ address }, new AbortController().signal);
  });
  afterEach(() => {
    server.close();
  });

  it('turns a problem document into the error it tells of', async () => {
    const problem = { code: 'RESOURCE_UNKNOWN', title: 'there is no such resource', next: 'list them' };
    answer = { status: 404, body: JSON.stringify(problem) };
    await expect(client.get('/resources/A/b/c')).rejects.toMatchObject({
      code: 'RESOURCE_UNKNOWN',
      kind: 'not-found',
      next: 'list them',
    });
  });

  it('says so when the answer is not JSON', async () => {
    answer = { status: 200, body: '<html>' };
    await expect(client.get('/version')).rejects.toMatchObject({ code: 'SERVER_ANSWER_MALFORMED' });
  });

  it('names the address and how it was found when nobody answers', async () => {
    const address = { kind: 'socket' as const, path: join(root, 'gone.sock'), foundBy: './.castellan' };
    const gone = new AdminClient({ address }, new AbortController().signal);
    await expect(gone.get('/version')).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      message: expect.stringContaining('gone.sock` (from ./.castellan)'),
    });
  });
});
