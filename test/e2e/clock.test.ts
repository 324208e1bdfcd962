import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { castellan } from '../support/castellan.ts';
import { cliAt } from '../support/cli-here.ts';

const out = mkdtempSync(join(tmpdir(), 'castellan-clock-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));
const hour = 3_600_000;

it.each([
  ['forward', hour],
  ['back', -hour],
])(
  'a clock that jumped %s is signed by again once an operator has confirmed it (adv:S12 adv:S13)',
  async (_way, by) => {
    let jumped = 0;
    const clock = { ...systemClock, now: () => Date.now() + jumped };
    await using running = await castellan({ environment: { clock } });
    const cli = (...words: string[]) => cliAt(running, words);
    const issue = () => cli('issue', 'spiffe://cluster.local/ns/shop/sa/cart', '--out', out);
    const ready = async () => (await fetch(`http://${running.server.endpoints.observability}/readyz`)).status;
    expect([(await issue()).code, await ready()]).toEqual([0, 200]);

    jumped = by;
    const refused = await issue();
    expect([refused.code, refused.stderr]).toEqual([69, expect.stringContaining('CLOCK_UNTRUSTED')]);
    expect(refused.stderr).toContain('castellan check --accept-clock');
    expect(await ready()).toBe(503);
    const found = await cli('check');
    expect([found.code, found.stdout]).toEqual([1, expect.stringContaining('clock')]);

    expect((await cli('check', '--accept-clock')).code).toBe(0);
    // This machine's clock stands still: by it, what a server an hour ahead issues is not valid yet.
    const again = await issue();
    expect([again.code, await ready()]).toEqual([by > 0 ? 69 : 0, 200]);
    expect(again.stderr.includes('CLOCKS_DISAGREE')).toBe(by > 0);
  },
);
