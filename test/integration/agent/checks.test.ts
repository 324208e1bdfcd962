import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { Metrics } from '../../../src/adapters/telemetry/index.ts';
import { type RunningAgent, startAgent } from '../../../src/app/agent.ts';
import { systemEnvironment } from '../../../src/app/environment.ts';
import { loadSettings } from '../../../src/app/settings/index.ts';
import { startHttpsServer } from '../../fakes/https-server.ts';
import { FakeLogger } from '../../fakes/logger.ts';
import { FakeTokenIssuer } from '../../fakes/token-issuer.ts';
import { agentToken } from '../../support/agent-client.ts';
import { applyText } from '../../support/apply.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { ask, CheckClient, cartEntry, webFront } from '../../support/check-harness.ts';
import { cliAt } from '../../support/cli-here.ts';
import { policyYaml, requestAuthYaml } from '../../support/policy.ts';

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

async function decide(client: CheckClient, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const { response } = await client.check(ask({ headers }));
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

/** A server that believes an issuer, whose keys it fetches; `later` moves its clock on. */
async function withIssuer() {
  const issuers = [new FakeTokenIssuer({ kid: 'old' })];
  let fetches = 0;
  const publisher = await startHttpsServer((_request, reply) => {
    fetches++;
    reply.end(issuers.at(-1)?.jwks());
  });
  const caFile = join(scratch, 'issuer-ca.pem');
  writeFileSync(caFile, publisher.ca);
  let ahead = 0;
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + ahead,
    bootTime: () => systemClock.bootTime() + ahead,
  };
  const ca = await castellan({
    settings: `${settings}outbound: {allow: [127.0.0.1, "::1"], caFile: ${caFile}}\n`,
    environment: { clock },
  });
  const rule = `{issuer: "https://issuer.example", jwksUri: "https://localhost:${publisher.port}/keys"}`;
  await applyText(ca, cartEntry + requestAuthYaml('jwt', `{jwtRules: [${rule}]}`) + open);
  return {
    ca,
    fetches: () => fetches,
    rotate(kid: string) {
      issuers.push(new FakeTokenIssuer({ kid }));
    },
    later(ms: number) {
      ahead += ms;
    },
    bearer: (kid?: string) => ({
      authorization: `Bearer ${issuers.at(-1)?.token({ sub: 'u', exp: Math.floor(Date.now() / 1000) + 600 }, kid === undefined ? {} : { kid })}`,
    }),
    async [Symbol.asyncDispose]() {
      await ca[Symbol.asyncDispose]();
      await publisher[Symbol.asyncDispose]();
    },
  };
}

describe('a token of a key that the node does not know', () => {
  it('is believed as soon as the server has fetched the key for the node; made-up keys cost it no fetch (adv:T13)', async () => {
    await using issuing = await withIssuer();
    const { ca, fetches, bearer } = issuing;
    await using agent = await agentOf(ca, await agentToken(ca, 'web'));
    using client = new CheckClient(agent.checks?.extAuthz ?? '');
    await vi.waitFor(async () => expect(await decide(client, bearer())).toBe('allow'), patience);
    expect(fetches()).toBe(1);
    issuing.later(31_000);
    issuing.rotate('new');
    await vi.waitFor(async () => expect(await decide(client, bearer())).toBe('allow'), patience);
    expect(fetches()).toBe(2);
    const flood = Array.from({ length: 300 }, (_, i) => decide(client, bearer(`made-up-${i}`)));
    expect(new Set(await Promise.all(flood))).toEqual(new Set(['jwt_bad_signature']));
    expect(fetches()).toBe(2);
    await ca[Symbol.asyncDispose]();
    await vi.waitFor(() => expect(agent.node.sync.isUp).toBe(false), patience);
    issuing.rotate('newest');
    expect(await decide(client, bearer())).toBe('jwt_bad_signature');
  });
});
