import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../../src/cli/frame/program.ts';
import { verbs } from '../../src/cli/verbs/index.ts';
import { FakeIo } from '../fakes/io.ts';
import { ask, CheckClient, cartEntry, webFront } from '../support/check-harness.ts';
import { type ServerProcess, scratchDirectory, startServer } from '../support/cli-process.ts';
import { policyYaml } from '../support/policy.ts';
import { eventually } from '../support/store.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
let server: ServerProcess;

const cli = async (args: readonly string[], input = '') => {
  const io = new FakeIo({ cwd, now: Date.now(), env: { XDG_CONFIG_HOME: join(cwd, 'home') }, input });
  const code = await runCommandLine(verbs, [...args], io, new AbortController().signal);
  return { code, stdout: io.out, stderr: io.err };
};

/** Each connection of its own, so that every worker is asked. */
function connections(count: number): CheckClient[] {
  return Array.from({ length: count }, () => new CheckClient(server.endpoints.extAuthz));
}

/** Children of the server: read from the kernel, for nobody else knows which process answers. */
function workers(): readonly number[] {
  const { pid } = server.process;
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(/\s+/).map(Number);
}

const gate = (path: string) => policyYaml('gate', `{rules: [{to: [{operation: {paths: ["${path}"]}}]}]}`);

async function answers(clients: readonly CheckClient[], path: string): Promise<readonly string[]> {
  return await Promise.all(
    clients.map(async (client) => {
      const { response } = await client.check(ask({ path }));
      return response.status?.code === 0 ? 'allow' : (response.status?.message ?? '');
    }),
  );
}

const settings = `decisions: {sampleAllows: 0}
proxies: [{name: local, listener: ext-authz, trustProxyPrincipal: true}]
`;

beforeAll(async () => {
  writeFileSync(join(cwd, 'castellan.yaml'), settings);
  server = await startServer({ cwd, args: ['--workers', '2', '--config', join(cwd, 'castellan.yaml')] });
  await cli(['apply', '-f', '-', '-n', 'shop', '--wait'], cartEntry);
});
afterAll(async () => {
  await server.stop();
  scratch.remove();
});

describe('a server with workers', () => {
  it('answers from all of them by the same policies: after apply --wait none by the old ones', async () => {
    const clients = connections(8);
    for (let round = 0; round < 12; round++) {
      const applied = await cli(['apply', '-f', '-', '--wait'], gate(`/r${round}`));
      expect([applied.code, applied.stdout]).toEqual([
        0,
        expect.stringContaining('in force at 2 of 2 enforcers'),
      ]);
      expect(new Set(await answers(clients, `/r${round}`))).toEqual(new Set(['allow']));
      expect(new Set(await answers(clients, `/r${round - 1}`))).toEqual(new Set(['denied_no_allow_match']));
    }
    for (const client of clients) client[Symbol.dispose]();
  });

  it('keeps records of every worker in one place, and counts them in one', async () => {
    const clients = connections(6);
    const ids = await Promise.all(
      clients.map(async (client) => {
        const { response } = await client.check(ask({ path: '/nowhere' }));
        const { decision_id: id } = response.dynamicMetadata ?? {};
        return typeof id === 'string' ? id : '';
      }),
    );
    for (const id of ids)
      await vi.waitFor(
        async () => expect((await cli(['explain', id])).stdout).toContain('denied_no_allow_match'),
        { timeout: 30_000 },
      );
    const text = await (await fetch(`http://${server.endpoints.observability}/metrics`)).text();
    const counted = [...text.matchAll(/^castellan_authz_decisions_total\{.*\} (\d+)$/gm)];
    const sum = counted.reduce((total, [, count]) => total + Number(count), 0);
    expect(sum).toBeGreaterThanOrEqual(12 * 16 + 6);
    expect(text).toMatch(/^castellan_workers 2$/m);
    await vi.waitFor(
      async () => {
        const { stdout } = await cli(['get', 'traffic', '-o', 'json']);
        const { items } = JSON.parse(stdout) as { items: { path: string; denied: number }[] };
        expect(items.find(({ path }) => path === '/nowhere')).toMatchObject({ denied: 6 });
      },
      { timeout: 30_000 },
    );
    for (const client of clients) client[Symbol.dispose]();
  });

  it('denies what was revoked at the next check of every worker', async () => {
    await cli(['apply', '-f', '-', '--wait'], gate('/mine'));
    const clients = connections(6);
    expect(new Set(await answers(clients, '/mine'))).toEqual(new Set(['allow']));
    expect((await cli(['revoke', webFront, '--yes', '--reason', 'test'])).code).toBe(0);
    await vi.waitFor(
      async () => expect(new Set(await answers(clients, '/mine'))).toEqual(new Set(['peer_revoked'])),
      { timeout: 30_000 },
    );
    expect((await cli(['revoke', webFront, '--lift', '--yes'])).code).toBe(0);
    for (const client of clients) client[Symbol.dispose]();
  });

  it('replaces a worker that dies, by the policies in force, while the others go on', async () => {
    await cli(['apply', '-f', '-', '--wait'], gate('/still'));
    const before = workers();
    expect(before).toHaveLength(2);
    process.kill(before[0] as number, 'SIGKILL');
    await eventually(() => {
      const now = workers();
      expect(now).toHaveLength(2);
      expect(now).not.toContain(before[0]);
    });
    const applied = await cli(['apply', '-f', '-', '--wait'], gate('/after'));
    expect([applied.code, applied.stdout]).toEqual([
      0,
      expect.stringMatching(/in force at [12] of [12] enforcers/),
    ]);
    await vi.waitFor(
      async () =>
        expect((await cli(['apply', '-f', '-', '--wait'], gate('/after'))).stdout).toContain('2 of 2'),
      { timeout: 30_000 },
    );
    const clients = connections(8);
    expect(new Set(await answers(clients, '/after'))).toEqual(new Set(['allow']));
    expect(new Set(await answers(clients, '/still'))).toEqual(new Set(['denied_no_allow_match']));
    for (const client of clients) client[Symbol.dispose]();
  });

  it('ends with all its workers', async () => {
    const pids = workers();
    const { code } = await server.stop();
    expect(code).toBe(0);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
  });
});
