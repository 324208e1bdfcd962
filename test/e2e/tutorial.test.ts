import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bin, freePorts, scratchDirectory, startServer } from '../support/cli-process.ts';

const scratch = scratchDirectory();
afterAll(() => scratch.remove());

/** The shell blocks of a page, in order. */
function blocks(page: string): string[] {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);
}

describe('the tutorial', () => {
  it('does what it says when its commands are typed as they stand', async () => {
    const cwd = scratch.path;
    mkdirSync(join(cwd, 'bin'));
    symlinkSync(bin, join(cwd, 'bin', 'castellan'));
    const [start, ...rest] = blocks('tutorial/first-certificate.md');
    expect(start?.trim()).toBe('npm start');
    // `npm start` is `castellan up`; the ports are free ones here.
    const server = await startServer({ cwd });
    const env = { PATH: process.env.PATH ?? '', HOME: cwd, ...freePorts };
    const printed = rest.map((code) => {
      // A dry run of revoke exits 1 on purpose, so blocks run to their end.
      const ran = spawnSync('bash', ['-c', code], { cwd, env, encoding: 'utf8', timeout: 60_000 });
      return ran.stdout + ran.stderr;
    });
    await server.stop();
    const [issue = '', look = '', talk = '', revoke = ''] = printed;
    expect(issue).toContain('certs/dev/cert.pem');
    expect(look).toContain('certs/dev/cert.pem: OK');
    expect(look).toContain('spiffe://cluster.local/castellan/server');
    expect(talk).toContain('200 ok');
    expect(revoke).toContain('1 valid certificate stopped counting');
    expect(revoke).toContain('revocation.add');
    expect(printed.join('\n')).not.toMatch(/^error:/m);
  });
});
