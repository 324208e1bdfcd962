import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAccounts } from '../../../src/adapters/unix-attestor/accounts.ts';
import { socketPeer, unixAttestor } from '../../../src/adapters/unix-attestor/index.ts';
import { followStart } from '../../../src/adapters/unix-attestor/socket-peer.ts';
import type { WorkloadPeer } from '../../../src/agent/index.ts';
import { formatSelector } from '../../../src/spiffe/index.ts';
import { until } from '../../support/wire-server.ts';

const isRoot = process.getuid?.() === 0;
const directory = mkdtempSync(join(tmpdir(), 'cst-attest-'));
const path = join(directory, 's');
const peers: (WorkloadPeer | undefined)[] = [];
const sockets: Socket[] = [];
let server: Server;
beforeAll(
  () =>
    new Promise<void>((resolve) => {
      server = createServer((socket) => {
        sockets.push(socket);
        socket.on('error', () => undefined);
        peers.push(socketPeer(socket));
        socket.resume();
      }).listen(path, () => {
        chmodSync(directory, 0o755);
        chmodSync(path, 0o666);
        resolve();
      });
    }),
);
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Connects, says nothing, and waits to be ended. */
const caller = `const s = require('node:net').connect(${JSON.stringify(path)}); s.on('error', () => 0); process.stdin.resume(); process.stdin.on('end', () => process.exit());`;

async function peerOf(start: () => ReturnType<typeof spawn>) {
  const before = peers.length;
  const child = start();
  await until(() => peers.length > before);
  return { child, peer: peers[before] };
}

async function selectorsOf(peer: WorkloadPeer | undefined, digests = true): Promise<readonly string[]> {
  if (peer === undefined) return [];
  return (await unixAttestor({ digests }).attest(peer)).map(formatSelector);
}

describe('the kernel’s word on who connected', () => {
  it('is the process, its user, group, further groups, program and the program’s hash', async () => {
    const { child, peer } = await peerOf(() => spawn(process.execPath, ['-e', caller]));
    const selectors = await selectorsOf(peer);
    const program = realpathSync(process.execPath);
    const sha256 = createHash('sha256').update(readFileSync(program)).digest('hex');
    expect(peer).toMatchObject({ pid: child.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    expect(selectors).toEqual(
      expect.arrayContaining([
        `unix:uid:${process.getuid?.()}`,
        `unix:gid:${process.getgid?.()}`,
        `unix:path:${program}`,
        `unix:sha256:${sha256}`,
      ]),
    );
    expect(await selectorsOf(peer, false)).not.toContain(`unix:sha256:${sha256}`);
    child.kill();
  });

  it.skipIf(!isRoot)('tells users apart, with names and further groups', async () => {
    const { child, peer } = await peerOf(() =>
      spawn('setpriv', ['--reuid=1', '--regid=1', '--groups=2,3', process.execPath, '-e', caller]),
    );
    const selectors = await selectorsOf(peer);
    const [passwd, group] = ['/etc/passwd', '/etc/group'].map((file) =>
      parseAccounts(readFileSync(file, 'utf8')),
    );
    expect(selectors).toEqual(
      expect.arrayContaining([
        'unix:uid:1',
        'unix:gid:1',
        `unix:user:${passwd?.get(1)}`,
        `unix:group:${group?.get(1)}`,
        'unix:supplementary_gid:2',
        'unix:supplementary_gid:3',
        `unix:supplementary_group:${group?.get(2)}`,
      ]),
    );
    expect(selectors).not.toContain('unix:uid:0');
    child.kill();
  });

  it('has no path for a program that was removed: another file may lie there now', async () => {
    const copy = join(directory, 'program');
    copyFileSync(process.execPath, copy);
    const { child, peer } = await peerOf(() => spawn(copy, ['-e', caller]));
    expect(await selectorsOf(peer, false)).toContain(`unix:path:${copy}`);
    unlinkSync(copy);
    const after = await selectorsOf(peer, false);
    expect(after.filter((text) => text.startsWith('unix:path'))).toEqual([]);
    child.kill();
  });

  it.skipIf(!isRoot || spawnSync('unshare', ['-m', 'true']).status !== 0)(
    'has no path for a process that sees other file systems, where any file may be mounted in its place',
    async () => {
      const { child, peer } = await peerOf(() => spawn('unshare', ['-m', process.execPath, '-e', caller]));
      const selectors = await selectorsOf(peer);
      expect(selectors.filter((text) => text.startsWith('unix:path'))).toEqual([]);
      expect(selectors.some((text) => text.startsWith('unix:sha256'))).toBe(true);
      child.kill();
    },
  );

  it('ends with the process that connected, though its child goes on with the connection (adv:N11)', async () => {
    const heir = `
      const net = require('node:net'), { spawn } = require('node:child_process');
      const s = net.connect(${JSON.stringify(path)}, () => {
        const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', s._handle.fd], detached: true });
        child.unref(); console.log(child.pid); process.exit();
      });`;
    const before = peers.length;
    const child = spawn(process.execPath, ['-e', heir], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (some: Buffer) => (text += some.toString()));
    await new Promise((resolve) => child.once('close', resolve));
    await until(() => peers.length > before);
    const peer = peers[before];
    expect(sockets[before]?.destroyed).toBe(false);
    expect([peer?.pid, peer?.isAlive()]).toEqual([child.pid, false]);
    process.kill(Number(text));
  });

  it('is none for what is no socket', () => {
    expect(socketPeer({} as Socket)).toBeUndefined();
    expect(socketPeer({ _handle: { fd: -1 } } as unknown as Socket)).toBeUndefined();
  });

  it('closes what it opened when the connection ends', async () => {
    const before = peers.length;
    const socket = connect(path);
    await until(() => peers.length > before);
    const peer = peers[before];
    expect(peer?.isAlive()).toBe(true);
    socket.destroy();
    await until(() => peer?.isAlive() === false);
    expect(peer?.isAlive()).toBe(false);
  });
});

describe('where the kernel gives no handle on the process', () => {
  it('the moment it began stands in: another process with its number is not it', () => {
    const stat = (began: number) => `7 (a) b (c)) S 1 7 7 0 -1 4194560 ${'0 '.repeat(12)}${began} 0 0`;
    let now: string | undefined = stat(100);
    const life = followStart(7, () => now);
    expect(life?.isAlive()).toBe(true);
    now = stat(101);
    expect(life?.isAlive()).toBe(false);
    now = undefined;
    expect(life?.isAlive()).toBe(false);
    expect(followStart(7, () => undefined)).toBeUndefined();
  });
});

describe('names of accounts', () => {
  it('are read from lines that are well formed, the first of two for one number', () => {
    const names = parseAccounts(
      'root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbad:x:-1:\n:x:5:\nweb:x:33:33\n',
    );
    expect([...names]).toEqual([
      [0, 'root'],
      [33, 'web'],
    ]);
  });
});
