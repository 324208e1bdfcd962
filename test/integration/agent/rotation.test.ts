import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import http2 from 'node:http2';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status as StatusCode } from '@grpc/grpc-js';
import { afterAll, describe, expect, it } from 'vitest';
import { fetchPinnedRoots } from '../../../src/adapters/agent-link/index.ts';
import { agentErrors } from '../../../src/agent/index.ts';
import { parseTrustDomain, serverId } from '../../../src/spiffe/index.ts';
import { guardDirectory } from '../../../src/wire/tls/guarded-directory.ts';
import { FakeAgentServer, fakeAgentId, registration } from '../../fakes/agent-server.ts';
import { errorOf, SocketClient, securityHeader, selfSelectors, startTestAgent } from '../../support/agent.ts';
import { frameMessage } from '../../support/raw-call.ts';
import { slowRelay } from '../../support/slow-relay.ts';
import { until } from '../../support/wire-server.ts';
import { splitDer, workloadApi } from '../../support/workload-client.ts';

const web = registration('a/web', 'spiffe://cluster.local/web', selfSelectors);
const scratch = mkdtempSync(join(tmpdir(), 'cst-rot-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const serialOf = ({ svids }: { svids: { x509Svid: Uint8Array }[] }) =>
  splitDer(svids[0]?.x509Svid ?? new Uint8Array(0))[0]?.serial;

describe('rotation', () => {
  it('gives a stream certificate after certificate, each before the last has ended, and tells the server', async () => {
    await using node = await startTestAgent({
      prepare: (server) => {
        server.state.ttlSeconds = 4;
      },
      registrations: [web],
    });
    using client = new SocketClient(node.socket);
    using stream = workloadApi.x509(client);
    const serials = new Set<string | undefined>();
    let lastEnd = Number.POSITIVE_INFINITY;
    while (serials.size < 4) {
      const state = await stream.next();
      expect(Date.now()).toBeLessThan(lastEnd);
      lastEnd = splitDer(state.svids[0]?.x509Svid ?? new Uint8Array(0))[0]?.notAfter ?? 0;
      serials.add(serialOf(state));
    }
    const held = node.agent.node.keeper.held()[0]?.serial ?? '';
    await until(() => node.server.heldSerials().has(held));
    expect(node.server.heldSerials().size).toBe(1);
    expect(node.server.reports.at(-1)?.bundleSequences).toEqual({ 'cluster.local': 1n });
  });

  it('goes on over a line of 64 kilobits a second, each certificate before the last has ended (adv:N20)', async () => {
    await using server = await FakeAgentServer.start();
    server.state.ttlSeconds = 8;
    await using line = await slowRelay(server.target, 8_000);
    await using node = await startTestAgent({
      server,
      registrations: [web],
      options: { target: line.target },
    });
    using client = new SocketClient(node.socket);
    using stream = workloadApi.x509(client);
    let lastEnd = Number.POSITIVE_INFINITY;
    const serials = new Set<string | undefined>();
    while (serials.size < 3) {
      const state = await stream.next();
      expect(Date.now()).toBeLessThan(lastEnd);
      lastEnd = splitDer(state.svids[0]?.x509Svid ?? new Uint8Array(0))[0]?.notAfter ?? 0;
      serials.add(serialOf(state));
    }
    expect(line.bytes()).toBeGreaterThan(10_000);
  });

  it('survives a server that is away: new streams get what is cached, and it goes on when the server is back (adv:G7)', async () => {
    const server = await FakeAgentServer.start();
    await using node = await startTestAgent({ server, registrations: [web] });
    using client = new SocketClient(node.socket);
    const before = await workloadApi.x509(client).next();
    const { pki, port, state } = server;
    await server[Symbol.asyncDispose]();
    await until(() => !node.agent.node.sync.isUp);
    using fresh = new SocketClient(node.socket);
    expect(serialOf(await workloadApi.x509(fresh).next())).toBe(serialOf(before));
    await using back = await FakeAgentServer.start({ pki, port });
    Object.assign(back.state, state);
    using stream = workloadApi.x509(fresh);
    await stream.next();
    back.register(web, registration('b/second', 'spiffe://cluster.local/second', selfSelectors));
    const after = await stream.next();
    expect(after.svids.map(({ spiffeId }) => spiffeId)).toEqual([
      'spiffe://cluster.local/web',
      'spiffe://cluster.local/second',
    ]);
    expect(back.counts.attest).toBe(0);
  });

  it('refuses a whole answer that makes no sense, keeps what it had, and tells both sides', async () => {
    await using node = await startTestAgent({ registrations: [web] });
    using client = new SocketClient(node.socket);
    node.server.state.spoil = (answer) => Object.assign(answer, { bundles: { items: [] } });
    node.server.push(['registrations', 'bundles']);
    await until(() => node.server.reports.some(({ refused }) => refused !== ''));
    expect(node.agent.node.alarms.list()).toMatchObject([{ code: 'update_refused' }]);
    expect((await workloadApi.x509(client).next()).svids).toHaveLength(1);
    node.server.state.spoil = undefined;
    node.server.push(['bundles']);
    await until(() => node.agent.node.alarms.list().length === 0);
  });
});

describe('the agent’s own identity', () => {
  it('lies on disk for the next start, which does not attest again and needs no token (adv:M15)', async () => {
    const stateDir = join(scratch, 'again');
    await using server = await FakeAgentServer.start();
    {
      await using node = await startTestAgent({ server, stateDir, registrations: [web] });
      await until(() => node.agent.node.keeper.held().length === 1);
    }
    for (const name of ['node.json', 'snapshot.json'])
      expect(statSync(join(stateDir, 'agent', name)).mode & 0o777, name).toBe(0o600);
    // D27: keys of workloads are never on disk.
    expect(readFileSync(join(stateDir, 'agent', 'snapshot.json'), 'utf8')).not.toContain('PRIVATE');
    const later = await startTestAgent({ server, stateDir, options: { evidence: undefined } });
    using client = new SocketClient(later.socket);
    expect((await workloadApi.x509(client).next()).svids).toHaveLength(1);
    expect(server.counts.attest).toBe(1);
    await later.agent.close();
  });

  it('is in force before anything is asked for under it: a start on what was kept fails nothing and alarms nobody', async () => {
    const stateDir = join(scratch, 'in-order');
    await using server = await FakeAgentServer.start();
    {
      await using node = await startTestAgent({ server, stateDir, registrations: [web] });
      await until(() => node.agent.node.keeper.held().length === 1);
    }
    await using later = await startTestAgent({ server, stateDir, options: { evidence: undefined } });
    await until(() => later.agent.node.keeper.held().length === 1);
    expect(later.logger.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    expect(later.agent.node.alarms.list()).toEqual([]);
    expect(server.counts.issue).toBe(2);
  });

  it('starts without its server on what it was told last, and says that certificates are not there yet', async () => {
    const stateDir = join(scratch, 'alone');
    const server = await FakeAgentServer.start();
    {
      await using node = await startTestAgent({ server, stateDir, registrations: [web] });
      await until(() => node.agent.node.keeper.held().length === 1);
    }
    await server[Symbol.asyncDispose]();
    await using alone = await startTestAgent({
      server,
      stateDir,
      flags: { 'agent.patience': '200ms' },
      options: { evidence: undefined },
    });
    using client = new SocketClient(alone.socket);
    expect((await errorOf(workloadApi.x509(client).next())).code).toBe(StatusCode.UNAVAILABLE);
    expect(Object.keys((await workloadApi.x509Bundles(client).next()).bundles)).toEqual([
      'spiffe://cluster.local',
    ]);
  });

  it('is renewed by itself with a new key, and goes on under the new one', async () => {
    await using node = await startTestAgent({
      prepare: (server) => {
        server.state.nodeTtlSeconds = 4;
      },
      registrations: [web],
    });
    const first = node.agent.node.identity.identity;
    await until(() => node.server.counts.renew >= 2);
    await until(() => node.agent.node.sync.isUp && node.server.openStreams === 1);
    const now = node.agent.node.identity.identity;
    expect(now?.agentId).toBe(fakeAgentId);
    expect(Buffer.from(now?.privateKeyPkcs8 ?? [])).not.toEqual(Buffer.from(first?.privateKeyPkcs8 ?? []));
    const kept = readFileSync(join(node.stateDir, 'agent', 'node.json'), 'utf8');
    expect(kept).toContain(Buffer.from(now?.chainDer[0] ?? []).toString('base64'));
    expect(node.server.counts.attest).toBe(1);
  });

  it('that the server no longer admits is an alarm, and what is cached is served on (adv:M15)', async () => {
    await using node = await startTestAgent({ registrations: [web] });
    using client = new SocketClient(node.socket);
    const before = await workloadApi.x509(client).next();
    node.server.state.refuse = () => agentErrors.NODE_NOT_ADMITTED();
    node.agent.node.sync.reopen();
    await until(() => node.agent.node.alarms.list().some(({ code }) => code === 'not_admitted'));
    expect(serialOf(await workloadApi.x509(client).next())).toBe(serialOf(before));
    node.server.state.refuse = undefined;
    await until(() => node.agent.node.alarms.list().length === 0);
  });

  it('stays in force when the disk is full: an alarm says so, and nothing is lost that was there', async () => {
    await using node = await startTestAgent({ registrations: [web] });
    await node.agent.node.sync.saved();
    const directory = join(node.stateDir, 'agent');
    const before = readFileSync(join(directory, 'snapshot.json'), 'utf8');
    // A file cannot be made here any more, which is what a full disk comes to for whoever replaces files whole.
    rmSync(directory, { recursive: true });
    node.server.register(web, registration('b/more', 'spiffe://cluster.local/more', selfSelectors));
    await until(() => node.agent.node.alarms.list().some(({ code }) => code === 'disk'));
    using client = new SocketClient(node.socket);
    await until(() => node.agent.node.keeper.held().length === 2);
    expect((await workloadApi.x509(client).next()).svids).toHaveLength(2);
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, 'snapshot.json'), before, { mode: 0o600 });
    node.server.push(['registrations']);
    await until(() => node.agent.node.alarms.list().length === 0);
  });
});

describe('first trust', () => {
  const cluster = serverId(parseTrustDomain('cluster.local'));

  it('is the root with the fingerprint, out of the chain that the server shows', async () => {
    await using server = await FakeAgentServer.start({ showsRoot: true });
    const { sha256, der } = server.pki.root.certificate;
    const address = { target: server.target, serverId: cluster };
    const grouped = sha256.toUpperCase().replace(/(..)(?!$)/g, '$1:');
    for (const fingerprint of [sha256, grouped])
      expect(await fetchPinnedRoots(address, fingerprint, Date.now())).toEqual([der]);
    await expect(fetchPinnedRoots(address, 'ab'.repeat(32), Date.now())).rejects.toMatchObject({
      code: 'SERVER_NOT_PINNED',
    });
    const other = { target: server.target, serverId: serverId(parseTrustDomain('other.example')) };
    await expect(fetchPinnedRoots(other, sha256, Date.now())).rejects.toMatchObject({
      code: 'SERVER_NOT_PINNED',
    });
  });

  it('is never the first that answers: a server under other roots gets no token', async () => {
    await using server = await FakeAgentServer.start();
    await using stranger = await FakeAgentServer.start();
    await expect(
      startTestAgent({ server, stateDir: join(scratch, 'strange'), options: { target: stranger.target } }),
    ).rejects.toMatchObject({ kind: 'unavailable' });
    expect(stranger.counts.attest).toBe(0);
  });
});

describe('the socket', () => {
  it('is everybody’s to reach and nobody’s to replace, and is made anew when it was removed (adv:N11)', async () => {
    await using node = await startTestAgent({ registrations: [web] });
    expect(lstatSync(node.socket).mode & 0o777).toBe(0o666);
    expect(lstatSync(join(node.socket, '..')).mode & 0o777).toBe(0o755);
    using connected = new SocketClient(node.socket);
    using stream = workloadApi.x509(connected);
    await stream.next();
    unlinkSync(node.socket);
    await until(() => existsSync(node.socket));
    using fresh = new SocketClient(node.socket);
    expect((await workloadApi.x509(fresh).next()).svids).toHaveLength(1);
    node.server.register(web, registration('b/x', 'spiffe://cluster.local/x', selfSelectors));
    expect((await stream.next()).svids).toHaveLength(2);
  });

  it('that somebody replaced is an alarm, and is left alone to the end (adv:N11)', async () => {
    const node = await startTestAgent({ registrations: [web] });
    unlinkSync(node.socket);
    const foreign = createServer();
    await new Promise<void>((resolve) => foreign.listen(node.socket, resolve));
    await until(() => node.agent.node.alarms.list().some(({ code }) => code === 'workload_socket'));
    await node[Symbol.asyncDispose]();
    await new Promise<void>((resolve) => connect(node.socket, resolve).once('error', () => resolve()));
    foreign.close();
  });

  it('is not opened where others could put theirs in its place (adv:N11)', () => {
    const open = join(scratch, 'open');
    mkdirSync(open);
    // Whatever the umask of the machine.
    expect(() => guardDirectory(open)).not.toThrow();
    const loose = join(scratch, 'loose');
    mkdirSync(loose);
    chmodSync(loose, 0o777);
    symlinkSync(open, join(scratch, 'link'));
    for (const path of [loose, join(scratch, 'link'), join(loose, 'below')]) {
      expect(() => guardDirectory(path), path).toThrow(
        expect.objectContaining({ code: 'SOCKET_DIRECTORY_UNSAFE' }),
      );
    }
  });

  it('holds one message for a client that does not read, and then ends its connection (adv:N09)', async () => {
    await using node = await startTestAgent({
      registrations: [web],
      options: { socketLimits: { stallMs: 300 } },
    });
    const session = http2.connect('http://localhost', {
      createConnection: () => connect(node.socket),
      settings: { initialWindowSize: 0 },
    });
    session.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => session.once('close', () => resolve()));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/SpiffeWorkloadAPI/FetchX509SVID',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...securityHeader,
    });
    stream.on('error', () => undefined);
    stream.end(frameMessage(new Uint8Array(0)));
    await until(() => node.agent.node.workloads.subscriptions === 1);
    for (let i = 0; i < 50; i++) node.server.push(['bundles']);
    await closed;
    await until(() => node.agent.node.workloads.subscriptions === 0);
    expect(await node.metrics.scrape()).toContain('castellan_limit_hits_total{limit="stalled_stream"} 1');
    using client = new SocketClient(node.socket);
    expect((await workloadApi.x509(client).next()).svids).toHaveLength(1);
  });

  it('bears workloads that end in the middle of their streams, and more streams than are allowed', async () => {
    await using node = await startTestAgent({ registrations: [web], flags: { 'agent.maxStreams': '20' } });
    for (let i = 0; i < 30; i++) {
      const client = new SocketClient(node.socket);
      const stream = workloadApi.x509(client);
      if (i % 2 === 0) await stream.next();
      stream.stream.on('error', () => undefined);
      client[Symbol.dispose]();
      stream[Symbol.dispose]();
    }
    await until(() => node.agent.node.workloads.subscriptions === 0);
    using client = new SocketClient(node.socket);
    const streams = Array.from({ length: 20 }, () => workloadApi.x509(client));
    await Promise.all(streams.map((stream) => stream.next()));
    expect((await errorOf(workloadApi.x509(client).next())).code).toBe(StatusCode.RESOURCE_EXHAUSTED);
    for (const stream of streams) stream[Symbol.dispose]();
  });

  it('serves a thousand streams one state: a change reaches each of them', async () => {
    await using node = await startTestAgent({ registrations: [web] });
    const clients = Array.from({ length: 4 }, () => new SocketClient(node.socket));
    const streams = clients.flatMap((client) => Array.from({ length: 250 }, () => workloadApi.x509(client)));
    await Promise.all(streams.map((stream) => stream.next()));
    const before = node.server.counts.issue;
    node.server.push(['bundles']);
    node.server.register(web, registration('b/x', 'spiffe://cluster.local/x', selfSelectors));
    const states = await Promise.all(streams.map((stream) => stream.next()));
    expect(states.every(({ svids }) => svids.length === 2)).toBe(true);
    expect(node.server.counts.issue).toBe(before + 1);
    for (const client of clients) client[Symbol.dispose]();
  });
});
