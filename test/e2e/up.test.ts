import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../../src/cli/frame/program.ts';
import { verbs } from '../../src/cli/verbs/index.ts';
import { FakeIo } from '../fakes/io.ts';
import { bin, run, type ServerProcess, scratchDirectory, startServer } from '../support/cli-process.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
let server: ServerProcess;
type More = { env?: Record<string, string>; input?: string; cwd?: string };
/** The command line in this process: the same code as the program, without starting one each time. */
const cli = async (args: string[], more: More = {}) => {
  const env = { XDG_CONFIG_HOME: join(cwd, 'home'), ...more.env };
  const io = new FakeIo({ cwd, now: Date.now(), ...more, env });
  const code = await runCommandLine(verbs, args, io, new AbortController().signal);
  return { code, stdout: io.out, stderr: io.err };
};
/** The program itself. */
const program = (args: string[], more: More = {}) => run(args, { cwd, ...more });
const at = (name: string) => join(cwd, name);

beforeAll(async () => {
  server = await startServer({ cwd });
});
afterAll(async () => {
  await server.stop();
  scratch.remove();
});

describe('castellan up', () => {
  it('says what it made, where its doors are and what to do next, and every address is true', async () => {
    // The doors are open, and written down for others, before it is said.
    const { stdout } = await vi.waitFor(
      () => {
        const output = server.output();
        expect(output.stdout).toContain('castellan issue');
        return output;
      },
      { timeout: 30_000 },
    );
    for (const text of [
      'root created',
      'cluster.local',
      server.endpoints.csr,
      'castellan issue',
      'UNENCRYPTED',
    ])
      expect(stdout).toContain(text);
    for (const door of [server.endpoints.csr, server.endpoints.admin, server.endpoints.observability]) {
      const [host = '', port] = door.split(':');
      await new Promise<void>((resolve, reject) => {
        const socket = connect(Number(port), host, () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', reject);
      });
    }
  });

  it('keeps its socket and its tokens to its owner', () => {
    const mode = (name: string) => statSync(join(server.stateDir, name)).mode & 0o777;
    expect([mode('run'), mode('run/admin.sock'), mode('operator-token'), mode('viewer-token')]).toEqual([
      0o700, 0o600, 0o600, 0o600,
    ]);
  });

  it('refuses a second server on its state directory: try again later (adv:S07)', async () => {
    const second = await program(['up']);
    expect([second.code, second.stdout]).toEqual([75, '']);
    expect(second.stderr).toContain('STORE_LOCKED');
  });

  it('refuses a port that is taken: try again later', async () => {
    const port = server.endpoints.csr.split(':')[1] ?? '';
    const args = ['--state-dir', at('other'), '--csr-port', port];
    const second = await program(['up', ...args]);
    expect([second.code, second.stderr.includes('LISTENER_CANNOT_BIND')]).toEqual([75, true]);
  });
});

describe('castellan without a server', () => {
  it('exits 69 and says where it looked and how to start one', async () => {
    const { code, stderr } = await program(['get', 'roots'], { cwd: '/' });
    expect([code, stderr]).toEqual([69, expect.stringContaining('castellan up')]);
    // What is wrong with the line itself is said first.
    const made = await program(['token', 'create', '--for', 'nobody'], { cwd: '/' });
    expect([made.code, made.stderr]).toEqual([64, expect.stringContaining('not a SPIFFE ID')]);
  });

  it('prints its version, and completes in a real bash', async () => {
    expect((await program(['version'], { cwd: '/' })).stdout).toMatch(/^castellan \d+\.\d+\.\d+ /);
    const script = `
      castellan() { ${bin} "$@"; }
      source <(castellan completion bash)
      COMP_WORDS=(castellan get ro); COMP_CWORD=2; _castellan; echo "\${COMPREPLY[@]}"
      COMP_WORDS=(castellan iss); COMP_CWORD=1; _castellan; echo "\${COMPREPLY[@]}"
      COMP_WORDS=(castellan issue --key); COMP_CWORD=2; _castellan; echo "\${COMPREPLY[@]}"`;
    const completed = spawnSync('bash', ['-c', script], { cwd, encoding: 'utf8' });
    expect(completed.stdout).toBe('roots\nissue\n--key-type\n');
  });

  it.each(['zsh', 'fish'])('prints a completion script for %s', async (shell) => {
    const { code, stdout } = await cli(['completion', shell]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('castellan')]);
  });
});
