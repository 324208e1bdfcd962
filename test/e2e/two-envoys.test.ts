import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bin, freePorts, scratchDirectory, startServer } from '../support/cli-process.ts';
import { httpCall } from '../support/http-call.ts';
import { appServer, freePort } from '../support/proxies/app-server.ts';
import { deployed, startEnvoy } from '../support/proxies/program.ts';
import { findTool } from '../support/tools.ts';

const scratch = scratchDirectory();
afterAll(() => scratch.remove());

function blocks(): string[] {
  const page = readFileSync(new URL('../../docs/tutorial/two-envoys.md', import.meta.url), 'utf8');
  return [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);
}

describe.skipIf(findTool('envoy') === undefined)('the tutorial of two Envoys', () => {
  it('does what it says when its commands are typed as they stand', async () => {
    const cwd = scratch.path;
    mkdirSync(join(cwd, 'bin'));
    symlinkSync(bin, join(cwd, 'bin', 'castellan'));
    const [start, register = '', server = '', client = '', bare = '', list = ''] = blocks();
    expect(start?.trim()).toBe('npm start');
    expect(client).toContain('curl http://127.0.0.1:8001/');
    expect(bare).toContain('curl -k https://127.0.0.1:8443/');
    await using app = await appServer();
    const [serverPort, clientPort] = [await freePort(), await freePort()];
    mkdirSync(join(cwd, 'deploy/envoy'), { recursive: true });
    const place = (file: string, changes: Readonly<Record<string, string>>) =>
      writeFileSync(join(cwd, 'deploy/envoy', file), deployed(`envoy/${file}`, changes));
    place('sds-server.yaml', {
      'port_value: 8443 ': `port_value: ${serverPort} `,
      'port_value: 8080 ': `port_value: ${app.port} `,
      'port_value: 9901 ': 'port_value: 0 ',
    });
    place('sds-client.yaml', {
      'port_value: 8001 ': `port_value: ${clientPort} `,
      'port_value: 8443 ': `port_value: ${serverPort} `,
      'port_value: 9902 ': 'port_value: 0 ',
    });
    // `npm start` is `castellan up`.
    const castellan = await startServer({ cwd });
    const env = { PATH: process.env['PATH'] ?? '', HOME: cwd, ...freePorts };
    const type = (code: string) => {
      const ran = spawnSync('bash', ['-c', code], { cwd, env, encoding: 'utf8', timeout: 60_000 });
      return ran.stdout + ran.stderr;
    };
    const sedOf = (block: string) => block.slice(0, block.indexOf('.yaml\n', block.indexOf('> ')) + 6);
    try {
      expect(castellan.endpoints.workloadApi).toBe(`unix:${join(cwd, '.castellan/workload/api.sock')}`);
      expect(type(register)).toContain('web');
      expect(type(sedOf(server)) + type(sedOf(client))).toBe('');
      const made = (file: string) => readFileSync(join(cwd, file), 'utf8');
      await using _first = await startEnvoy(made('server.yaml'), serverPort);
      await using second = await startEnvoy(made('client.yaml'), clientPort);
      expect(await httpCall({ port: second.port, path: '/' })).toMatchObject({ status: 200, body: 'hello' });
      expect(app.seen.at(-1)?.headers.get('x-forwarded-client-cert')?.[0]).toContain('ns/shop/sa/web');
      const refused = type(bare.replace('8443', String(serverPort)));
      expect(refused).not.toContain('hello');
      expect(app.seen).toHaveLength(1);
      const listed = type(list);
      expect(listed).toContain('spiffe://cluster.local/ns/shop/sa/cart');
      expect(listed).toContain('spiffe://cluster.local/ns/shop/sa/web');
    } finally {
      await castellan.stop();
    }
  });
});
