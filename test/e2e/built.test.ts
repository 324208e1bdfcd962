/** The program as it is built for a container: JavaScript below dist, and no sources beside it. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ask, CheckClient } from '../support/check-harness.ts';
import { run, scratchDirectory, startServer } from '../support/cli-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = scratchDirectory();
afterAll(() => scratch.remove());

function build(): string {
  const home = join(scratch.path, 'app');
  mkdirSync(home);
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const config = join(root, 'tsconfig.build.json');
  execFileSync(process.execPath, [compiler, '-p', config, '--outDir', join(home, 'dist')]);
  cpSync(join(root, 'src', 'wire', 'gen'), join(home, 'dist', 'wire', 'gen'), { recursive: true });
  cpSync(join(root, 'package.json'), join(home, 'package.json'));
  cpSync(join(root, 'bin'), join(home, 'bin'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'));
  return join(home, 'bin', 'castellan');
}

describe('the built program', () => {
  it('serves checks from its workers, and answers its own command line', async () => {
    const launcher = build();
    const server = await startServer({ cwd: scratch.path, launcher, args: ['--workers', '2'] });
    try {
      using client = new CheckClient(server.endpoints.extAuthz);
      const { response } = await client.check(ask({ path: '/items' }));
      expect(response.status?.message).toBe('unknown_workload');
      expect(server.output().stderr).not.toMatch(/ExperimentalWarning|\.ts:/);
      const issued = await run(['issue', 'spiffe://cluster.local/ns/shop/sa/cart'], { cwd: scratch.path });
      expect([issued.code, issued.stdout]).toEqual([
        0,
        expect.stringContaining('spiffe://cluster.local/ns/shop/sa/cart'),
      ]);
    } finally {
      const { code } = await server.stop();
      expect(code).toBe(0);
    }
  });
});
