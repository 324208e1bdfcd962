import { afterAll, beforeAll, expect, it } from 'vitest';
import { applyText } from '../../support/apply.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { ask, CheckClient, cartEntry } from '../../support/check-harness.ts';
import { cliAt } from '../../support/cli-here.ts';
import { policyYaml } from '../../support/policy.ts';

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

const from = (blocks: string) => policyYaml('gate', `{rules: [{from: [{source: {ipBlocks: ${blocks}}}]}]}`);
const apply = (blocks: string) => cliAt(running, ['apply', '-f', '-', '--wait'], from(blocks));
const isAllowed = async (ip: string) => (await client.check(ask({ ip }))).response.status?.code === 0;

it.each(['["10.0.0.0/33"]', '["10.0.0/8"]', '["10.0.0.7/-1"]', '["::/129"]', '[]'])(
  'the ranges %s are refused as they are applied, and what was in force decides on (adv:Z20)',
  async (blocks) => {
    expect((await apply('["10.0.0.7"]')).code).toBe(0);
    const { code, stderr } = await apply(blocks);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/error CAS073[47].*\n.*fix/)]);
    expect(await isAllowed('10.0.0.7')).toBe(true);
    expect(await isAllowed('10.0.0.8')).toBe(false);
  },
);

it('a range with host bits is the whole range, as Istio has it (adv:Z20)', async () => {
  expect((await apply('["10.0.0.1/8"]')).code).toBe(0);
  expect(await isAllowed('10.200.0.7')).toBe(true);
  expect(await isAllowed('11.0.0.7')).toBe(false);
});

it('::/0 is every IPv6 address and no IPv4 address (adv:Z20)', async () => {
  expect((await apply('["::/0"]')).code).toBe(0);
  expect(await isAllowed('2001:db8::7')).toBe(true);
  expect(await isAllowed('10.0.0.7')).toBe(false);
});
