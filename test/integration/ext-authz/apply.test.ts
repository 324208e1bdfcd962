import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyText } from '../../support/apply.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { ask, CheckClient, cartEntry } from '../../support/check-harness.ts';
import { cliAt } from '../../support/cli-here.ts';
import { peerYaml, policyYaml } from '../../support/policy.ts';

let running: Castellan;
let client: CheckClient;
beforeAll(async () => {
  running = await castellan();
  client = new CheckClient(running.server.endpoints.extAuthz);
  await applyText(running, cartEntry);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await running[Symbol.asyncDispose]();
});

async function reason(path = '/items'): Promise<string> {
  const { response } = await client.check(ask({ path }));
  return response.status?.code === 0 ? 'allow' : (response.status?.message ?? '');
}

describe('castellan apply --wait', () => {
  it('returns when the very next check is decided by it, and says how many enforcers do', async () => {
    for (const [spec, wanted] of [
      ['{}', 'denied_no_allow_match'],
      ['{rules: [{}]}', 'allow'],
      ['{rules: [{to: [{operation: {paths: ["/no"]}}]}]}', 'denied_no_allow_match'],
    ] as const) {
      const { code, stdout } = await cliAt(running, ['apply', '-f', '-', '--wait'], policyYaml('gate', spec));
      expect([code, stdout]).toEqual([0, expect.stringMatching(/in force at 1 of 1 enforcers/)]);
      expect(await reason()).toBe(wanted);
    }
  });

  it('gives the same as JSON, and resources tell their conditions', async () => {
    const args = ['apply', '-f', '-', '--wait', '-o', 'json'];
    const { stdout } = await cliAt(running, args, policyYaml('gate', '{rules: [{}]}'));
    expect(JSON.parse(stdout)).toMatchObject({
      applied: true,
      enforcement: { inForce: true, acknowledged: 1, enforcers: [{ name: 'server', acknowledged: true }] },
    });
    const got = await cliAt(running, ['get', 'AuthorizationPolicy', 'gate', '-n', 'shop', '-o', 'json']);
    expect(JSON.parse(got.stdout).status.conditions).toMatchObject([
      { type: 'Accepted', status: 'True' },
      { type: 'Programmed', status: 'True', message: 'in force at 1 of 1 enforcers' },
    ]);
  });

  it('ends with exit code 1 and the reason where the whole cannot be in force; what was, decides on', async () => {
    await using broken = await castellan();
    using asked = new CheckClient(broken.server.endpoints.extAuthz);
    await applyText(broken, cartEntry + policyYaml('gate', '{}'));
    const { resources } = broken.server.state.store;
    const audit = {
      actor: 't',
      actorMethod: 'local',
      object: 'x',
      result: 'success',
      requestId: 'R',
      detail: {},
    } as const;
    const key = { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'bad' };
    await resources.put(
      { ...key, content: '{"kind": 1}', owner: '' },
      {},
      { ...audit, action: 'resource.create' },
    );
    const gate = policyYaml('gate', '{rules: [{}]}');
    const { code, stdout, stderr } = await cliAt(broken, ['apply', '-f', '-', '--wait'], gate);
    expect([code, stdout]).toEqual([1, expect.stringContaining('in force at 0 of 1 enforcers')]);
    expect(stderr).toContain('a stored resource cannot be read: AuthorizationPolicy/shop/bad');
    expect((await asked.check(ask())).response.status?.message).toBe('denied_no_allow_match');
    const got = await cliAt(broken, ['get', 'AuthorizationPolicy', 'gate', '-n', 'shop', '-o', 'json']);
    expect(JSON.parse(got.stdout).status.conditions).toMatchObject([
      { type: 'Accepted', status: 'False', reason: 'NotCompiled' },
      { type: 'Programmed', status: 'False' },
    ]);
  });
});

describe('castellan apply --shadow', () => {
  it('stores a policy that decides nothing and tells what it would have decided', async () => {
    const deny = policyYaml('watch', '{action: DENY, rules: [{to: [{operation: {paths: ["/admin"]}}]}]}');
    const applied = await cliAt(running, ['apply', '-f', '-', '--shadow', '--wait'], deny);
    expect(applied.code).toBe(0);
    const { response } = await client.check(ask({ path: '/admin' }));
    expect(response.status?.code).toBe(0);
    expect(response.dynamicMetadata).toMatchObject({ shadow_engine_result: 'denied' });
    const enforced = await cliAt(running, ['apply', '-f', '-', '--wait'], deny);
    expect(enforced.code).toBe(0);
    expect(await reason('/admin')).toBe('denied_by_policy');
  });

  it('does not disarm a policy that is enforced', async () => {
    const deny = policyYaml('armed', '{action: DENY, rules: [{to: [{operation: {paths: ["/armed"]}}]}]}');
    await cliAt(running, ['apply', '-f', '-', '--wait'], deny);
    const { code, stderr } = await cliAt(running, ['apply', '-f', '-', '--shadow', '--wait'], deny);
    expect([code, stderr]).toEqual([1, expect.stringContaining('RESOURCE_IS_ENFORCED')]);
    expect(await reason('/armed')).toBe('denied_by_policy');
  });

  it.each([
    ['a PeerAuthentication', peerYaml('strict', '{mtls: {mode: STRICT}}')],
    ['a CUSTOM policy', policyYaml('ask', '{action: CUSTOM, provider: {name: x}, rules: [{}]}')],
  ])('refuses %s, which knows no dry run', async (_, text) => {
    const { code, stderr } = await cliAt(running, ['apply', '-f', '-', '--shadow'], text);
    expect([code, stderr]).toEqual([65, expect.stringContaining('RESOURCE_HAS_NO_SHADOW')]);
  });
});
