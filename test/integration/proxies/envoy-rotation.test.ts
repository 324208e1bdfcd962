import { describe, expect, it } from 'vitest';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { appServer } from '../../support/proxies/app-server.ts';
import {
  registerOn,
  startSdsClient,
  startSdsServer,
  steadyLoad,
  TestNode,
} from '../../support/proxies/sds-pair.ts';
import { findTool } from '../../support/tools.ts';

const cart = 'spiffe://cluster.local/ns/shop/sa/cart';
const web = 'spiffe://cluster.local/ns/shop/sa/web';
const isMissing = findTool('envoy') === undefined;
const pause = (ms: number) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

async function rootLine(ca: Castellan) {
  const { lines } = await ca.server.state.authority.rotation.status();
  const line = lines.find(({ role }) => role === 'root');
  if (line === undefined) throw new Error('no root');
  return line;
}

async function reached(ca: Castellan, phase: string): Promise<void> {
  while ((await rootLine(ca)).phase !== phase) await pause(200);
}

describe.skipIf(isMissing)('a root rotates under two Envoys', () => {
  it('without a failed request, with a node that is away in one phase after the other; and again because of a taint (adv:S20)', async () => {
    const flags = {
      'authority.workloadTtl': '12s',
      'authority.maxWorkloadTtl': '60s',
      'authority.intermediateTtl': '10m',
      'agents.nodeTtl': '60s',
    };
    await using ca = await castellan({ flags });
    const { authority } = ca.server.state;
    const [before] = authority.roots();
    await using backend = await appServer();
    await using serverNode = await new TestNode('alpha').start(ca);
    await using clientNode = await new TestNode('beta').start(ca);
    await using away = await new TestNode('gamma').start(ca);
    await registerOn(ca, serverNode, cart, { x509Ttl: '12s' });
    await registerOn(ca, clientNode, web, { x509Ttl: '12s' });
    await using server = await startSdsServer(serverNode, backend.port, { subscription: 'DELTA_GRPC' });
    await using client = await startSdsClient(clientNode, server.port, { subscription: 'GRPC' });
    const load = steadyLoad(client.port);
    await away.stop();
    await authority.rotation.start({ role: 'root', reason: 'a test' });
    expect(authority.roots()).toHaveLength(2);
    // The others have the new bundle and the time is over: the node that was away holds it up, by name.
    for (;;) {
      const blockers = (await rootLine(ca)).phases[2]?.gate?.blockers ?? [];
      if (blockers.every(({ kind }) => kind === 'agent')) {
        expect(blockers.map(({ name }) => name)).toEqual([away.id]);
        break;
      }
      await pause(200);
    }
    await away.start(ca);
    await reached(ca, 'activated');
    // Away while the new root signs, back with what the old one signed.
    await away.stop();
    await pause(2_000);
    await away.start(ca);
    await reached(ca, 'idle');
    expect(authority.roots()).toHaveLength(1);
    expect(authority.roots()[0]?.sha256).not.toBe(before?.sha256);
    const sent = load.sent();
    const { active } = await rootLine(ca);
    await authority.rotation.taint(active?.id ?? '', 'a test');
    await reached(ca, 'activated');
    expect(authority.verdicts().tainted).toContain(active?.id);
    await reached(ca, 'idle');
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(sent).toBeGreaterThan(100);
    expect(load.sent()).toBeGreaterThan(sent);
  }, 600_000);
});
