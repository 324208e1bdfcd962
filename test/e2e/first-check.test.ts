import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bin, freePorts, scratchDirectory, startServer } from '../support/cli-process.ts';
import { appServer, freePort } from '../support/proxies/app-server.ts';
import { deployed } from '../support/proxies/program.ts';
import { portOf } from '../support/proxies/shop.ts';
import { findTool } from '../support/tools.ts';

const scratch = scratchDirectory();
afterAll(() => scratch.remove());

function blocks(): string[] {
  const page = readFileSync(new URL('../../docs/tutorial/first-check.md', import.meta.url), 'utf8');
  return [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);
}

describe.skipIf(findTool('envoy') === undefined)('the tutorial of a first decision', () => {
  it('does what it says when its commands are typed as they stand', async () => {
    const cwd = scratch.path;
    mkdirSync(join(cwd, 'bin'));
    symlinkSync(bin, join(cwd, 'bin', 'castellan'));
    const [ownServer = '', start, envoy = '', apply = '', ask = '', explain = ''] = blocks();
    expect(ownServer).toContain('8080');
    expect(start?.trim()).toBe('npm start');
    await using app = await appServer();
    // `npm start` is `castellan up`; the ports are free ones here, in the commands and in Envoy's file.
    const server = await startServer({ cwd });
    const port = await freePort();
    const config = deployed('envoy/ext-authz.yaml', {
      'port_value: 8000 ': `port_value: ${port} `,
      'port_value: 8080 ': `port_value: ${app.port} `,
      'port_value: 9191 ': `port_value: ${portOf(server.endpoints.extAuthz)} `,
      'port_value: 9901 ': 'port_value: 0 ',
      // A busy machine must not decide.
      'timeout: 0.25s': 'timeout: 10s',
    });
    mkdirSync(join(cwd, 'deploy/envoy'), { recursive: true });
    writeFileSync(join(cwd, 'deploy/envoy/ext-authz.yaml'), config);
    const tools = dirname(findTool('envoy') as string);
    const env = { PATH: `${tools}:${process.env.PATH ?? ''}`, HOME: cwd, ...freePorts };
    const command = envoy.trim().replace(/ &$/, ' --use-dynamic-base-id --concurrency 1');
    const proxy = spawn('bash', ['-c', `exec ${command}`], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      await new Promise<void>((resolve, reject) => {
        let text = '';
        proxy.stderr.on('data', (part: Buffer) => {
          text += part.toString();
          if (text.includes('starting main dispatch loop')) resolve();
        });
        proxy.once('exit', () => reject(new Error(text)));
      });
      const run = (code: string) => {
        const typed = code.replaceAll(':8000', `:${port}`);
        const ran = spawnSync('bash', ['-c', typed], { cwd, env, encoding: 'utf8', timeout: 60_000 });
        return ran.stdout + ran.stderr;
      };
      expect(run(apply)).toContain('readers');
      const answers = await typeAsync(ask.replaceAll(':8000', `:${port}`), { cwd, env });
      expect(answers).toContain('hello');
      expect(answers).toContain('HTTP/1.1 403');
      expect(answers).toMatch(/^x-castellan-decision-id: [0-9A-Z]{26}/m);
      expect(app.seen).toHaveLength(1);
      const why = run(explain);
      expect(why).toContain('denied_no_allow_match');
      expect(why).toContain('DELETE');
      expect(why).not.toMatch(/^error:/m);
    } finally {
      proxy.kill('SIGTERM');
      await server.stop();
    }
  });
});

/** The server behind runs in this process: it has to answer while the command waits. */
function typeAsync(
  code: string,
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<string> {
  const child = spawn('bash', ['-c', code], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (part: Buffer) => (text += part.toString()));
  child.stderr.on('data', (part: Buffer) => (text += part.toString()));
  return new Promise((resolve) => child.once('close', () => resolve(text)));
}
