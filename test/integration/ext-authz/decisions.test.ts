import { describe, expect, it } from 'vitest';
import { policySettings } from '../../../src/app/checks.ts';
import { loadSettings } from '../../../src/app/settings/index.ts';
import { explainDecision, listDecisions } from '../../../src/operations/decisions/index.ts';
import { applyText } from '../../support/apply.ts';
import { castellan } from '../../support/castellan.ts';
import { ask, CheckClient, cartEntry } from '../../support/check-harness.ts';
import { policyYaml } from '../../support/policy.ts';

const settings = policySettings(loadSettings({ env: {}, flags: {}, cwd: '/tmp', file: undefined }).settings);
const onlyGet = policyYaml('get', '{rules: [{to: [{operation: {methods: [GET]}}]}]}');
const onlyPost = policyYaml('get', '{rules: [{to: [{operation: {methods: [POST]}}]}]}');

describe('a decision on record', () => {
  it('is explained by the policies that made it after they changed, and today differs', async () => {
    await using running = await castellan();
    using client = new CheckClient(running.server.endpoints.extAuthz);
    await applyText(running, cartEntry + onlyGet);
    const { response } = await client.check(
      ask({ method: 'POST', headers: { authorization: 'Bearer abc' } }),
    );
    const id = response.dynamicMetadata?.decision_id as string;
    await applyText(running, cartEntry + onlyPost);
    const { store } = running.server.state;
    const deps = { ring: store.decisions, policy: () => running.server.checks.feed.current(), settings };
    const found = await explainDecision(deps, id);
    expect(found.record).toMatchObject({ decision: 'deny', reason: 'denied_no_allow_match' });
    expect(found.explanation?.revision).toBe(found.record.revision);
    expect(found.explanation?.nearestMiss?.failed[0]).toMatchObject({
      field: 'operation.methods',
      wanted: ['GET'],
      got: ['POST'],
    });
    expect(found.today).toMatchObject({ outcome: 'allow', differs: true });
    expect(JSON.stringify(found.record)).not.toContain('Bearer abc');
    expect(found.record.masked).toEqual(['request.headers[authorization]']);
  });

  it('is there for every denial and for one allow in a hundred, which says what it stands for', async () => {
    await using running = await castellan();
    using client = new CheckClient(running.server.endpoints.extAuthz);
    await applyText(running, cartEntry + onlyGet);
    for (let i = 0; i < 150; i++) await client.check(ask());
    for (let i = 0; i < 7; i++) await client.check(ask({ method: 'PUT' }));
    const { decisions } = running.server.state.store;
    const all = await listDecisions(decisions, { limit: 1000 });
    expect(all.filter(({ decision }) => decision === 'deny')).toHaveLength(7);
    expect(all.filter(({ decision }) => decision === 'allow').map(({ weight }) => weight)).toEqual([
      100, 100,
    ]);
    const [oldest] = all.slice(-1);
    const later = await listDecisions(decisions, { after: oldest?.id, limit: 1000 });
    expect(later).toHaveLength(8);
  });
});
