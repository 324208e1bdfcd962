import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status as StatusCode } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Metrics } from '../../../src/adapters/telemetry/index.ts';
import { systemEnvironment } from '../../../src/app/environment.ts';
import { NodeChecks, type NodeChecksParts } from '../../../src/app/node-checks.ts';
import { hours } from '../../../src/base/duration.ts';
import { extAuthzServer } from '../../../src/endpoints/ext-authz/index.ts';
import type { PolicyData } from '../../../src/wire/gen/castellan/agent/v1/agent_pb.js';
import { FakeLogger } from '../../fakes/logger.ts';
import { agentClient, joinAgent, type SyncStream } from '../../support/agent-client.ts';
import { applyText } from '../../support/apply.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { ask, CheckClient, cartEntry } from '../../support/check-harness.ts';
import { cliAt } from '../../support/cli-here.ts';
import { policyYaml } from '../../support/policy.ts';

const settings = 'proxies: [{name: local, listener: ext-authz, trustProxyPrincipal: true}]\n';
const open = policyYaml('gate', '{rules: [{}]}');
const closed = policyYaml('gate', '{}');

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'castellan-node-'));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

async function nextPolicy(stream: SyncStream): Promise<PolicyData> {
  const { policy } = await stream.until((answer) => answer.policy !== undefined);
  if (policy === undefined) throw new Error('no policy');
  return policy;
}

/** A node's doors, fed by the test as the agent's stream feeds them. */
async function nodeDoor(options: { up?: boolean; ship?: NodeChecksParts['ship'] } = {}) {
  const logger = new FakeLogger();
  const state = { up: options.up ?? true, refused: '' };
  const checks = new NodeChecks({
    environment: systemEnvironment(logger),
    metrics: new Metrics({ version: 'test', component: 'agent' }),
    maxStale: hours(1),
    heardFile: join(scratch, 'heard'),
    isUp: () => state.up,
    ship: options.ship ?? (async () => undefined),
    want: () => false,
    onInForce: () => undefined,
    onRefused: (problem) => {
      state.refused = problem;
    },
  });
  const server = await extAuthzServer({
    address: { kind: 'plaintext', host: '127.0.0.1', port: 0 },
    name: 'ext-authz',
    checks: checks.verb,
    logger,
  });
  const client = new CheckClient(server.address);
  const take = async ({ revision, contentJson }: PolicyData) => {
    checks.take({ revision, json: contentJson });
    await checks.settled();
  };
  return {
    checks,
    client,
    state,
    logger,
    take,
    async decide() {
      const { response } = await client.check(ask());
      return response.status?.code === 0 ? 'allow' : (response.status?.message ?? '');
    },
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await server.close(0);
      await checks[Symbol.asyncDispose]();
    },
  };
}

async function joined(ca: Castellan) {
  const agent = await joinAgent(ca, 'web');
  const client = agentClient(ca, agent);
  return { agent, client, stream: client.sync({ wantsPolicy: true }) };
}

describe('a node that decides', () => {
  it('decides as its server does, by the same revision, and changes with it', async () => {
    await using ca = await castellan({ settings });
    await applyText(ca, cartEntry + closed);
    const { client, stream } = await joined(ca);
    using _client = client;
    await using node = await nodeDoor();
    expect(await node.decide()).toBe('internal_error');
    await node.take(await nextPolicy(stream));
    expect(await node.decide()).toBe('denied_no_allow_match');
    await applyText(ca, open);
    await node.take(await nextPolicy(stream));
    expect(await node.decide()).toBe('allow');
    const here = node.logger.lines.filter(({ message }) => message.includes('otherwise than its server'));
    expect(here).toEqual([]);
    stream.cancel();
  });

  it('is one of the enforcers that apply --wait counts, once it says by what it decides', async () => {
    await using ca = await castellan({ settings });
    await applyText(ca, cartEntry + closed);
    const { client, stream, agent } = await joined(ca);
    using _client = client;
    const report = (policyRevision: string) =>
      stream.send({ message: { case: 'report', value: { revision: 'r', policyRevision } } });
    report((await nextPolicy(stream)).revision);
    await vi.waitFor(() => expect(ca.server.checks.enforcers.list()).toHaveLength(2), { timeout: 30_000 });
    const late = await cliAt(ca, ['apply', '-f', '-', '--wait', '--timeout', '1s'], open);
    expect([late.code, late.stdout]).toEqual([1, expect.stringContaining('in force at 1 of 2 enforcers')]);
    expect(late.stderr).toContain(agent.id);
    report((await nextPolicy(stream)).revision);
    const done = await cliAt(ca, ['apply', '-f', '-', '--wait'], open);
    expect([done.code, done.stdout]).toEqual([0, expect.stringContaining('in force at 2 of 2 enforcers')]);
    stream.cancel();
  });

  it('goes on while the server is away, until it has not been heard for longer than the setting', async () => {
    await using ca = await castellan({ settings });
    await applyText(ca, cartEntry + open);
    const { client, stream } = await joined(ca);
    using _client = client;
    const policy = await nextPolicy(stream);
    stream.cancel();
    {
      await using node = await nodeDoor();
      await node.take(policy);
      node.state.up = false;
      expect(await node.decide()).toBe('allow');
    }
    // A restart goes on from when the server was heard last.
    utimesSync(join(scratch, 'heard'), new Date(), new Date(Date.now() - 30 * 60_000));
    {
      await using node = await nodeDoor({ up: false });
      await node.take(policy);
      expect(await node.decide()).toBe('allow');
    }
    utimesSync(join(scratch, 'heard'), new Date(), new Date(Date.now() - 61 * 60_000));
    await using node = await nodeDoor({ up: false });
    await node.take(policy);
    expect(node.checks.isStale).toBe(true);
    expect(await node.decide()).toBe('internal_error');
    node.state.up = true;
    expect(await node.decide()).toBe('allow');
  });

  it('keeps the last good policy when it is sent one that it cannot read', async () => {
    await using ca = await castellan({ settings });
    await applyText(ca, cartEntry + open);
    const { client, stream } = await joined(ca);
    using _client = client;
    await using node = await nodeDoor();
    const policy = await nextPolicy(stream);
    await node.take(policy);
    await node.take({ ...policy, revision: '9-x', contentJson: new TextEncoder().encode('{"format":2}') });
    expect(node.state.refused).toContain('cannot be read');
    expect([node.checks.inForce, await node.decide()]).toEqual([policy.revision, 'allow']);
    stream.cancel();
  });
});

describe('records of a node', () => {
  it('come to the server, which explains them and says where they were made', async () => {
    await using ca = await castellan({ settings });
    await applyText(ca, cartEntry + closed);
    const { agent, client, stream } = await joined(ca);
    using _client = client;
    await using node = await nodeDoor({ ship: (records) => client.ship(records) });
    await node.take(await nextPolicy(stream));
    const { response } = await node.client.check(ask());
    const { decision_id: id } = response.dynamicMetadata ?? {};
    const decisionId = typeof id === 'string' ? id : '';
    await vi.waitFor(
      async () => {
        const { code, stdout } = await cliAt(ca, ['explain', decisionId, '-o', 'json']);
        expect(code).toBe(1);
        expect(JSON.parse(stdout).record).toMatchObject({ id: decisionId, node: agent.id, decision: 'deny' });
      },
      { timeout: 30_000 },
    );
    stream.cancel();
  });

  it('that a flood has cost are told, and what was decided is counted all the same', async () => {
    await using ca = await castellan({ settings });
    await applyText(ca, cartEntry + closed);
    const { agent, client, stream } = await joined(ca);
    using _client = client;
    {
      await using node = await nodeDoor({ ship: (...shipped) => client.ship(...shipped) });
      await node.take(await nextPolicy(stream));
      for (let i = 0; i < 3; i++) await node.client.check(ask({ path: `/items/${i}` }));
    }
    const { stdout: traffic } = await cliAt(ca, ['get', 'traffic', '-o', 'json']);
    expect(JSON.parse(traffic).items).toMatchObject([
      { destination: 'shop/cart', path: '/items/{id}', allowed: 0, denied: 3 },
    ]);
    await client.ship([], 7);
    await client.ship([], 2);
    const { stdout } = await cliAt(ca, ['get', 'agents', '-o', 'json']);
    expect(JSON.parse(stdout).items).toMatchObject([{ id: agent.id, decisionsDropped: 9 }]);
    const { stdout: table } = await cliAt(ca, ['get', 'agents', '-o', 'wide']);
    expect(table).toContain('9 decision records lost in a flood');
    const scraped = await fetch(`http://${ca.server.endpoints.observability}/metrics`);
    expect(await scraped.text()).toMatch(/^castellan_agent_decisions_dropped_total 9$/m);
    stream.cancel();
  });

  it('are refused whole when one of them is no record, and from nobody but an agent', async () => {
    await using ca = await castellan({ settings });
    const { client, stream } = await joined(ca);
    using _client = client;
    await expect(client.ship([new TextEncoder().encode('{"id":"x"}')])).rejects.toMatchObject({
      code: StatusCode.INVALID_ARGUMENT,
    });
    using stranger = agentClient(ca);
    await expect(stranger.ship([])).rejects.toMatchObject({ code: StatusCode.UNAUTHENTICATED });
    stream.cancel();
  });
});
