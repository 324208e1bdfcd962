import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentClient, asIdentity } from '../support/agent-client.ts';
import { run, type ServerProcess, scratchDirectory, startServer } from '../support/cli-process.ts';
import { makeCsr } from '../support/foreign-pki.ts';
import { tlsCredentials } from '../support/istio-client.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
let server: ServerProcess;
beforeAll(async () => {
  server = await startServer({ cwd });
});
afterAll(async () => {
  await server.stop();
  scratch.remove();
});

const castellan = (...args: string[]) => run(args, { cwd });
const items = async (noun: string) => {
  const { stdout } = await castellan('get', noun, '-o', 'json');
  return (JSON.parse(stdout) as { items: Readonly<Record<string, string | undefined>>[] }).items;
};
/** The one that this test makes: `up` runs another. */
const webAgent = async () => (await items('agents')).filter(({ id }) => id === web);
const web = 'spiffe://cluster.local/castellan/agent/join_token/web';

async function rootsPem(): Promise<string> {
  return (await items('roots')).map(({ certificatePem }) => certificatePem ?? '').join('');
}

describe('an operator of agents', () => {
  it('makes a token, sees the agent join, looks before evicting, evicts, bans and lets it back', async () => {
    const made = await castellan('token', 'create', '--agent', 'web', '--ttl', '5m');
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining(web)]);
    const roots = await rootsPem();
    using client = new AgentClient(server.endpoints.csr, tlsCredentials({ rootsPem: roots }));
    const csr = await makeCsr();
    const evidence = { case: 'joinToken' as const, value: made.stdout.trim() };
    const accepted = await client.attest({ csrDer: csr.der, agentVersion: '1.2.3', evidence });
    expect(await webAgent()).toMatchObject([
      { id: web, state: 'attested', method: 'join_token', agentVersion: '1.2.3', connected: false },
    ]);
    using joined = new AgentClient(
      server.endpoints.csr,
      tlsCredentials({ rootsPem: roots, ...asIdentity(accepted.chainDer, csr.privateKeyPem) }),
    );
    const stream = joined.sync();
    await stream.next();
    expect(await webAgent()).toMatchObject([{ id: web, connected: true }]);
    const table = await castellan('get', 'agents');
    expect(table.stdout).toMatch(/join_token\/web +attested +now/);

    const planned = await castellan('agent', 'evict', 'join_token/web');
    expect(planned.code).toBe(1);
    expect(planned.stdout).toContain('1 node SVID would stop counting, and its stream ends');
    expect(await webAgent()).toMatchObject([{ state: 'attested' }]);
    const ended = stream.ended();
    const evicted = await castellan('agent', 'evict', web, '--yes', '--reason', 'stolen');
    expect([evicted.code, evicted.stdout]).toEqual([
      0,
      expect.stringContaining('is evicted (it was attested)'),
    ]);
    await ended;
    expect(await webAgent()).toMatchObject([{ state: 'evicted', reason: 'stolen' }]);
    await expect(joined.renew(csr.der)).rejects.toMatchObject({ code: 16 });

    expect((await castellan('agent', 'ban', 'join_token/web', '--yes')).code).toBe(0);
    const back = await castellan('agent', 'unban', 'join_token/web', '--yes');
    expect([back.code, back.stdout]).toEqual([0, expect.stringContaining('is free to attest again')]);
    const again = await castellan('agent', 'unban', 'join_token/web', '--yes');
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('there is no such agent')]);
    const audited = (await items('audit')).map(({ action }) => action);
    expect(audited).toEqual(expect.arrayContaining(['node.attest', 'node.evict', 'node.ban', 'node.unban']));
    expect(readFileSync(join(server.stateDir, 'endpoints.json'), 'utf8')).not.toContain('castellan_join_');
  });

  it('is told when a token is for neither or for both', async () => {
    for (const args of [[], ['--agent', 'a', '--for', 'spiffe://cluster.local/x']]) {
      const ran = await castellan('token', 'create', ...args);
      expect([ran.code, ran.stderr]).toEqual([64, expect.stringContaining('--agent [NAME]')]);
    }
  });
});
