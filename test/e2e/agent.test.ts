import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { errorOf, SocketClient } from '../support/agent.ts';
import { startAgent } from '../support/agent-process.ts';
import { run, scratchDirectory, startServer } from '../support/cli-process.ts';
import { workloadApi } from '../support/workload-client.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
afterAll(() => scratch.remove());
const at = (name: string) => join(cwd, name);

describe('castellan agent', () => {
  it('joins by a token and a fingerprint, explains whom it refuses, serves whom is registered, and starts again without either', async () => {
    const server = await startServer({ cwd });
    const roots = JSON.parse((await run(['get', 'roots', '-o', 'json'], { cwd })).stdout) as {
      items: { fingerprint: string; role: string }[];
    };
    const fingerprint = roots.items.find(({ role }) => role === 'root')?.fingerprint ?? '';
    const token = await run(['token', 'create', '--agent', 'n1'], { cwd });
    writeFileSync(at('token'), token.stdout, { mode: 0o600 });
    const node = { cwd, stateDir: at('node') };
    const args = ['--agent-server', server.endpoints.csr];
    const first = await startAgent(node, [
      ...args,
      '--agent-root-fingerprint',
      fingerprint,
      '--agent-join-token-file',
      at('token'),
    ]);
    const socket = (first.endpoints.workloadApi ?? '').slice('unix:'.length);
    expect([statSync(socket).mode & 0o777, first.stderr().includes(token.stdout.trim())]).toEqual([
      0o666,
      false,
    ]);
    using client = new SocketClient(socket);
    const refused = await refusal(client);
    const id = String(refused.metadata.get('x-castellan-request-id')[0]);
    const explained = await run(['explain', id, '--server', at('node/agent')], { cwd });
    expect([explained.code, explained.stdout]).toEqual([
      1,
      expect.stringContaining('NO_IDENTITY_REGISTERED'),
    ]);
    expect(explained.stdout).toContain(`unix:uid:${process.getuid?.()}`);
    const registration = {
      apiVersion: 'castellan.dev/v1alpha1',
      kind: 'IdentityRegistration',
      metadata: { name: 'web' },
      spec: {
        spiffeId: 'spiffe://cluster.local/web',
        parentId: 'spiffe://cluster.local/castellan/agent/join_token/n1',
        selectors: [`unix:uid:${process.getuid?.()}`],
      },
    };
    writeFileSync(at('web.json'), JSON.stringify(registration));
    expect((await run(['apply', '-f', at('web.json')], { cwd })).code).toBe(0);
    expect(await identity(client)).toBe('spiffe://cluster.local/web');
    const ready = await fetch(`http://${first.endpoints.observability}/readyz?verbose`);
    expect([ready.status, await ready.text()]).toEqual([
      200,
      expect.stringContaining('[+]node-certificate ok'),
    ]);
    const metrics = await (await fetch(`http://${first.endpoints.observability}/metrics`)).text();
    expect(metrics).toContain('castellan_agent_svids{state="held"} 1');
    expect(await first.stop()).toBe(0);
    expect([existsSync(at('node/agent/endpoints.json')), existsSync(socket)]).toEqual([false, false]);
    const second = await startAgent(node, args);
    using later = new SocketClient(socket);
    expect(await identity(later)).toBe('spiffe://cluster.local/web');
    await second.stop();
    await server.stop();
  }, 400_000);
});

/** The agent hears from its server a moment after it opened its socket. */
async function refusal(client: SocketClient) {
  for (;;) {
    const error = await errorOf(workloadApi.x509(client).next());
    if (error.details.includes('no identity is registered')) return error;
  }
}

async function identity(client: SocketClient): Promise<string | undefined> {
  for (;;) {
    using stream = workloadApi.x509(client);
    const state = await stream.next().catch(() => undefined);
    if (state !== undefined) return state.svids[0]?.spiffeId;
  }
}
