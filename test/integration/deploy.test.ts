import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts, run, scratchDirectory } from '../support/cli-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = scratchDirectory();
afterAll(() => scratch.remove());
const has = (tool: string) => spawnSync('which', [tool]).status === 0;
const unit = readFileSync(join(root, 'deploy/systemd/castellan.service'), 'utf8');
const uid = 65_532;

/** The program as the container file lays it out: built, beside its packages. */
function buildInto(directory: string): string {
  mkdirSync(directory);
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  execFileSync(tsc, ['-p', 'tsconfig.build.json', '--outDir', join(directory, 'dist')], { cwd: root });
  cpSync(join(root, 'src/wire/gen'), join(directory, 'dist/wire/gen'), { recursive: true });
  cpSync(join(root, 'package.json'), join(directory, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  return join(directory, 'dist/cli/main.js');
}

/** The same restrictions as container and unit: another user, no capability, no way to any, nothing to write but the state. */
const script = `
set -e
state="$1"; shift
mount --make-rprivate /
for target in $(findmnt -rn -o TARGET); do mount -o remount,bind,ro "$target" 2>/dev/null || true; done
mount -t tmpfs -o mode=0700,uid=${uid},gid=${uid} tmpfs "$state"
exec setpriv --reuid=${uid} --regid=${uid} --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"
`;

async function until<T>(what: string, look: () => T | undefined): Promise<T> {
  const deadline = Date.now() + 90_000;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}

describe('the systemd unit', () => {
  it.skipIf(!has('systemd-analyze'))('is one that systemd takes without a word', () => {
    const file = join(scratch.path, 'castellan.service');
    writeFileSync(file, unit.replaceAll('/opt/castellan/', root));
    const verified = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    expect([verified.stdout + verified.stderr, verified.status]).toEqual(['', 0]);
  });
});

describe.skipIf(process.getuid?.() !== 0 || !['unshare', 'setpriv', 'findmnt'].every(has))(
  'the built server, without root, without capabilities, on a read-only file system',
  () => {
    let main = '';
    beforeAll(() => {
      // Another user must be able to read what it runs.
      execFileSync('chmod', ['0755', scratch.path]);
      main = buildInto(join(scratch.path, 'app'));
    }, 120_000);

    /** System calls made, by name, when strace is there. */
    const trace = join(scratch.path, 'calls');
    const tracer = has('strace') ? ['strace', '-f', '-c', '-o', trace] : [];

    it('starts, issues and stops, and makes only system calls that the unit allows', async () => {
      const state = join(scratch.path, 'state');
      mkdirSync(state);
      const flags = ['--disable-proto=delete', '--disable-warning=ExperimentalWarning'];
      const command = [process.execPath, ...flags, main, 'up', '--state-dir', state];
      const server = spawn('unshare', ['--mount', '--fork', 'sh', '-c', script, 'sh', state, ...command], {
        cwd: '/',
        env: { PATH: process.env.PATH ?? '', ...freePorts },
        stdio: 'pipe',
      });
      let stderr = '';
      server.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
      const ended = new Promise<number | null>((resolve) => {
        server.once('close', resolve);
      });
      try {
        const pid = await until('the start', () => {
          if (server.exitCode !== null) throw new Error(stderr);
          const [child] = readChildren(server.pid ?? 0);
          if (child === undefined) return undefined;
          return existsSync(`/proc/${child}/root${state}/endpoints.json`) ? child : undefined;
        });
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        expect(status).toMatch(new RegExp(`^Uid:\\s+${uid}\\s+${uid}`, 'm'));
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
          expect(status).toMatch(new RegExp(`^${set}:\\s+0+$`, 'm'));
        expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
        const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
        expect(mounts.find((line) => line.split(' ')[4] === '/')).toMatch(/ \/ ro[, ]/);

        const attached =
          tracer.length === 0 ? undefined : spawn('strace', [...tracer.slice(1), '-p', String(pid)]);
        const socket = `unix:/proc/${pid}/root${state}/run/admin.sock`;
        const cwd = scratch.path;
        const issued = await run(
          ['issue', 'spiffe://cluster.local/ns/a/sa/b', '--server', socket, '--out', 'c'],
          { cwd },
        );
        expect([issued.stderr, issued.code]).toEqual(['', 0]);
        expect((await run(['check', '--server', socket], { cwd })).code).toBe(0);
        const done = attached && new Promise((resolve) => attached.once('close', resolve));
        process.kill(pid, 'SIGTERM');
        expect(await ended).toBe(0);
        await done;
      } finally {
        server.kill('SIGKILL');
      }
      if (!has('systemd-analyze') || !has('strace')) return;
      const allowed = allowedCalls();
      const made = callsIn(readFileSync(trace, 'utf8'));
      expect(made).toContain('epoll_pwait');
      expect(made.filter((call) => !allowed.has(call))).toEqual([]);
    }, 180_000);
  },
);

function readChildren(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

function callsIn(summary: string): string[] {
  return summary
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([share]) => /^\d+\.\d+$/.test(share ?? ''))
    .map((cells) => cells.at(-1) ?? '')
    .filter((name) => name !== 'total');
}

/** What the `SystemCallFilter` lines of the unit come to, by systemd's own sets. */
function allowedCalls(): ReadonlySet<string> {
  const allowed = new Set<string>();
  for (const [, line = ''] of unit.matchAll(/^SystemCallFilter=(.+)$/gm)) {
    const isDenied = line.startsWith('~');
    for (const name of expand(line.replace('~', '').split(' ')))
      if (isDenied) allowed.delete(name);
      else allowed.add(name);
  }
  return allowed;
}

function expand(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    if (!name.startsWith('@')) return [name];
    const text = execFileSync('systemd-analyze', ['syscall-filter', name], { encoding: 'utf8' });
    const members = text
      .split('\n')
      .slice(1)
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
    return expand(members);
  });
}
