import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { hours } from '../../../src/base/duration.ts';
import { type Crl, parseCertificatesPem, parseCrl, parseCrlsPem } from '../../../src/x509/index.ts';
import { SocketClient } from '../../support/agent.ts';
import { AccountIssuer, getCertificate } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { cliAt } from '../../support/cli-here.ts';
import { registerOn, TestNode } from '../../support/proxies/sds-pair.ts';
import { workloadApi } from '../../support/workload-client.ts';

const patience = { timeout: 60_000 };
const web = 'spiffe://cluster.local/ns/shop/sa/web';

async function revoke(ca: Castellan, ...args: string[]): Promise<void> {
  const { code, stderr } = await cliAt(ca, ['revoke', web, ...args]);
  expect(code, stderr).toBe(0);
}

const overHttp = async (ca: Castellan) =>
  parseCrlsPem(await (await fetch(`http://${ca.server.endpoints.observability}/crl`)).text());

const inFile = (ca: Castellan) =>
  parseCrlsPem(readFileSync(join(ca.stateDir, 'revocation-lists.pem'), 'utf8'));

const numberOf = ([list]: readonly Crl[]) => list?.number ?? 0n;

describe('a revocation', () => {
  it('is in the lists of the Workload API, of the file and over HTTP, numbered, and out of them when it is lifted', async () => {
    const accounts = new AccountIssuer();
    await using ca = await castellan({ settings: accounts.settings });
    await using node = await new TestNode('alpha').start(ca);
    await registerOn(ca, node, 'spiffe://cluster.local/ns/shop/sa/cart');
    const { chainPem } = await getCertificate(ca, accounts.bearer({ account: 'web' }));
    const [stolen] = parseCertificatesPem(chainPem);
    const serial = stolen?.serial ?? '';
    const names = (lists: readonly Crl[]) => lists.some((list) => list.isRevoked(serial));
    using client = new SocketClient(node.socket);
    using stream = workloadApi.x509(client);
    expect((await stream.next()).crl).toEqual([]);
    await revoke(ca, '--reason', 'stolen', '--yes');
    let lists: readonly Crl[] = [];
    while (!names(lists)) lists = (await stream.next()).crl.map((der) => parseCrl(der));
    // One of the root and one of the intermediate: a verifier wants one of every authority, or none.
    expect(lists).toHaveLength(2);
    await vi.waitFor(async () => expect(names(await overHttp(ca))).toBe(true), patience);
    expect(names(inFile(ca))).toBe(true);
    const before = numberOf(lists);
    expect([numberOf(await overHttp(ca)), numberOf(inFile(ca))]).toEqual([before, before]);
    await revoke(ca, '--lift', '--yes');
    let crl: readonly Uint8Array[] = lists.map(({ der }) => der);
    while (crl.length > 0) crl = (await stream.next()).crl;
    await vi.waitFor(async () => expect(names(await overHttp(ca))).toBe(false), patience);
    expect(names(inFile(ca))).toBe(false);
    expect(numberOf(await overHttp(ca))).toBeGreaterThan(before);
  });
});

describe('a layer that nears its end', () => {
  it('has a line in the log, a finding of check and a metric, by the share of its life', async () => {
    const flags = {
      'authority.rotateRoots': 'false',
      'authority.rootTtl': '240h',
      'authority.intermediateTtl': '120h',
    };
    const first = await castellan({ flags });
    const { stateDir } = first;
    const young = first.logger.lines.filter(({ message }) => message.includes('of its life left'));
    expect(young).toEqual([]);
    await first.server.close();
    const later = { ...systemClock, now: () => systemClock.now() + hours(216) };
    await using ca = await castellan({ flags, stateDir, environment: { clock: later } });
    const said = ca.logger.lines.filter(({ message }) =>
      /^the root .* has \d % of its life left$/.test(message),
    );
    expect(said.map(({ level }) => level)).toEqual(['warn']);
    expect((await cliAt(ca, ['check'])).stdout).toMatch(
      /warning: the root .* of its life left \(AUTHORITY_NEARS_END\)/,
    );
    const metrics = await (await fetch(`http://${ca.server.endpoints.observability}/metrics`)).text();
    const left = /castellan_signing_key_life_left_ratio\{[^}]*role="root"[^}]*\} (0\.\d+)/.exec(metrics)?.[1];
    expect(Number(left)).toBeCloseTo(0.1, 1);
    await first[Symbol.asyncDispose]();
  });
});
