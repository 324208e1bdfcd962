import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { revoke } from '../../../src/operations/revoke.ts';
import { SpiffeId } from '../../../src/spiffe/index.ts';
import { publicKeyOf } from '../../../src/x509/index.ts';
import { applyText, testOperator } from '../../support/apply.ts';
import { type Castellan, castellan, newKey } from '../../support/castellan.ts';
import { ask, CheckClient, cartEntry, webFront } from '../../support/check-harness.ts';
import { peerYaml, policyYaml } from '../../support/policy.ts';

async function leafOf({ server }: Castellan, id: string) {
  return await server.state.authority.issueForKey({
    publicKey: publicKeyOf(newKey()),
    spiffeId: SpiffeId.parse(id),
    requestedTtlSeconds: 3600,
  });
}

const policies =
  cartEntry +
  peerYaml('strict', '{mtls: {mode: STRICT}}') +
  policyYaml('front', '{rules: [{from: [{source: {principals: ["cluster.local/ns/web/sa/front"]}}]}]}');

describe('a whole server', () => {
  it('believes a peer whose certificate it issued, and nobody who only names it (D21)', async () => {
    await using running = await castellan();
    using client = new CheckClient(running.server.endpoints.extAuthz);
    await applyText(running, policies);
    const { chainPem } = await leafOf(running, webFront);
    const certificate = encodeURIComponent(chainPem[0] as string);
    const proven = await client.check(ask({ certificate }));
    expect(proven.response.status?.code).toBe(0);
    const claimed = await client.check(ask());
    expect(claimed.response.status).toMatchObject({ code: 7, message: 'peer_plaintext_under_strict' });
    const other = await client.check(
      ask({ certificate, principal: 'spiffe://cluster.local/ns/web/sa/other' }),
    );
    expect(other.response.status).toMatchObject({ code: 7, message: 'peer_untrusted_root' });
  });

  it('denies a revoked certificate at its next check, and its identity too (D9)', async () => {
    await using running = await castellan();
    using client = new CheckClient(running.server.endpoints.extAuthz);
    await applyText(running, policies);
    const { store } = running.server.state;
    const { chainPem } = await leafOf(running, webFront);
    const question = ask({ certificate: encodeURIComponent(chainPem[0] as string) });
    expect((await client.check(question)).response.status?.code).toBe(0);
    const { issuances, revocations } = store;
    await revoke({ issuances, revocations, clock: systemClock }, testOperator, {
      spiffeId: webFront,
      reason: 'stolen',
      dryRun: false,
    });
    expect((await client.check(question)).response.status).toMatchObject({
      code: 7,
      message: 'peer_revoked',
    });
  });

  it('denies before anything was applied, for it knows no workload, and is ready', async () => {
    await using running = await castellan();
    using client = new CheckClient(running.server.endpoints.extAuthz);
    const { response } = await client.check(ask());
    expect(response.status).toMatchObject({ code: 7, message: 'unknown_workload' });
    expect(running.server.checks.feed.health()).toEqual({ ok: true });
  });
});
