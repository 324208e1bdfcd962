import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Metrics } from '../../../src/adapters/telemetry/index.ts';
import { type RunningAgent, startAgent } from '../../../src/app/agent.ts';
import { systemEnvironment } from '../../../src/app/environment.ts';
import { loadSettings } from '../../../src/app/settings/index.ts';
import { FakeLogger } from '../../fakes/logger.ts';
import { agentToken } from '../../support/agent-client.ts';
import { applyText } from '../../support/apply.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { ask, CheckClient, cartEntry, webFront } from '../../support/check-harness.ts';
import { cliAt } from '../../support/cli-here.ts';
import { policyYaml } from '../../support/policy.ts';

const settings = 'proxies: [{name: local, listener: ext-authz, trustProxyPrincipal: true}]\n';
const open = policyYaml('gate', '{rules: [{}]}');
const closed = policyYaml('gate', '{}');
const patience = { timeout: 60_000 };

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'castellan-node-'));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** The agent itself; without a token it can only go on with what it kept. */
async function agentOf(ca: Castellan, token?: string): Promise<RunningAgent> {
  const flags = {
    stateDir: scratch,
    'agent.checks.enabled': 'true',
    'agent.checks.grpcPort': '0',
    'agent.checks.httpPort': '0',
  };
  return await startAgent({
    settings: loadSettings({ env: {}, flags, cwd: scratch }).settings,
    environment: { ...systemEnvironment(new FakeLogger()), variables: {} },
    metrics: new Metrics({ version: 'test', component: 'agent' }),
    target: ca.address,
    firstRoots: async () => ca.server.state.authority.bundle().x509Roots,
    evidence: token === undefined ? undefined : { method: 'join_token', readToken: () => token },
    noteRefusal: () => undefined,
  });
}

async function decide(client: CheckClient): Promise<string> {
  const { response } = await client.check(ask());
  return response.status?.code === 0 ? 'allow' : (response.status?.message ?? '');
}

describe('an agent with doors for proxies', () => {
  it('decides at the node by the policies of its server, counted by apply --wait, explained by the server', async () => {
    await using ca = await castellan({ settings });
    await applyText(ca, cartEntry + closed);
    await using agent = await agentOf(ca, await agentToken(ca, 'web'));
    using client = new CheckClient(agent.checks?.extAuthz ?? '');
    await vi.waitFor(async () => expect(await decide(client)).toBe('denied_no_allow_match'), patience);
    await vi.waitFor(() => expect(ca.server.checks.enforcers.list()).toHaveLength(2), patience);
    const applied = await cliAt(ca, ['apply', '-f', '-', '--wait'], open);
    expect([applied.code, applied.stdout]).toEqual([
      0,
      expect.stringContaining('in force at 2 of 2 enforcers'),
    ]);
    expect(await decide(client)).toBe('allow');
    await cliAt(ca, ['apply', '-f', '-', '--wait'], closed);
    const { response } = await client.check(ask());
    const { decision_id: id } = response.dynamicMetadata ?? {};
    await vi.waitFor(async () => {
      const { stdout } = await cliAt(ca, ['explain', typeof id === 'string' ? id : '', '-o', 'json']);
      expect(JSON.parse(stdout).record).toMatchObject({
        node: 'spiffe://cluster.local/castellan/agent/join_token/web',
        reason: 'denied_no_allow_match',
      });
    }, patience);
  });

  it('refuses what is revoked without being told its policy anew, and knows it over a restart without its server', async () => {
    const ca = await castellan({ settings });
    await applyText(ca, cartEntry + open);
    {
      await using agent = await agentOf(ca, await agentToken(ca, 'web'));
      using client = new CheckClient(agent.checks?.extAuthz ?? '');
      await vi.waitFor(async () => expect(await decide(client)).toBe('allow'), patience);
      const before = agent.checks?.checks.inForce;
      const revoked = await cliAt(ca, ['revoke', webFront, '--reason', 'stolen', '--yes']);
      expect(revoked.code, revoked.stderr).toBe(0);
      await vi.waitFor(async () => expect(await decide(client)).toBe('peer_revoked'), patience);
      expect(agent.checks?.checks.inForce).toBe(before);
      await ca[Symbol.asyncDispose]();
    }
    await using again = await agentOf(ca);
    using client = new CheckClient(again.checks?.extAuthz ?? '');
    expect(await decide(client)).toBe('peer_revoked');
  });

  it('goes on deciding while the server is away, and after a restart of its own without it', async () => {
    const ca = await castellan({ settings });
    await applyText(ca, cartEntry + open);
    {
      await using agent = await agentOf(ca, await agentToken(ca, 'web'));
      using client = new CheckClient(agent.checks?.extAuthz ?? '');
      await vi.waitFor(async () => expect(await decide(client)).toBe('allow'), patience);
      await ca[Symbol.asyncDispose]();
      expect(await decide(client)).toBe('allow');
    }
    await using again = await agentOf(ca);
    using client = new CheckClient(again.checks?.extAuthz ?? '');
    expect(await decide(client)).toBe('allow');
  });
});
