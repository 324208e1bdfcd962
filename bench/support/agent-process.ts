import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FakeAgentServer } from '../../test/fakes/agent-server.ts';
import { goodJoinToken } from '../../test/fakes/agent-server.ts';
import { bin, freePorts } from '../../test/support/cli-process.ts';

export interface AgentProcess extends AsyncDisposable {
  readonly pid: number;
  readonly socket: string;
}

/** `castellan agent` as people start it, joined to `server`, a process of its own. */
export async function startAgentProcess(server: FakeAgentServer): Promise<AgentProcess> {
  const scratch = mkdtempSync(join(tmpdir(), 'cst-bench-agent-'));
  const write = (name: string, text: string) => {
    const file = join(scratch, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const pem = (der: Uint8Array) =>
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
  const stateDir = join(scratch, 'state');
  const child = spawn(
    process.execPath,
    [
      bin,
      'agent',
      '--state-dir',
      stateDir,
      '--agent-server',
      server.target,
      '--agent-bundle-file',
      write('roots.pem', server.rootsDer.map(pem).join('')),
      '--agent-join-token-file',
      write('token', goodJoinToken),
    ],
    {
      cwd: scratch,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, HOME: scratch, ...freePorts },
    },
  );
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const socket = join(stateDir, 'workload', 'api.sock');
  while (!(await answers(socket))) {
    if (child.exitCode !== null) throw new Error(`the agent did not start:\n${said}`);
    await pause(25);
  }
  return {
    pid: child.pid as number,
    socket,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

export const pause = (ms: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, ms);
  });

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
