import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bin, run, scratchDirectory, startServer } from '../support/cli-process.ts';
import { policyYaml } from '../support/policy.ts';
import { until } from '../support/wire-server.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer({ cwd });
  const deny = policyYaml('nothing', '{action: DENY, rules: [{}]}');
  expect((await run(['apply', '-f', '-', '--wait'], { cwd, input: deny })).code).toBe(0);
});
afterAll(async () => {
  await server.stop();
  scratch.remove();
});

/** Denied, and on record. */
async function deniedCheck(path: string): Promise<string> {
  const url = `http://${server.endpoints.extAuthzHttp}/authz/forward-auth?workload=shop/cart&port=80`;
  const answer = await fetch(url, {
    headers: {
      'x-forwarded-method': 'GET',
      'x-forwarded-uri': path,
      'x-forwarded-host': 'shop',
      'x-forwarded-proto': 'http',
    },
  });
  expect(answer.status).toBe(403);
  return answer.headers.get('x-castellan-decision-id') as string;
}

it('castellan tail shows decisions as they are made, until it is interrupted', async () => {
  await deniedCheck('/before');
  const tail = spawn(process.execPath, [bin, 'tail', '--denied'], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd },
  });
  let [text, errors] = ['', ''];
  tail.stdout.on('data', (part: Buffer) => (text += part.toString()));
  tail.stderr.on('data', (part: Buffer) => (errors += part.toString()));
  const ended = once(tail, 'close');
  // Whether it follows already, only its lines tell.
  const asked: string[] = [];
  await until(() => {
    if (asked.length < 200) void deniedCheck(`/item-${asked.length}`).then((id) => asked.push(id));
    return asked.some((id) => text.includes(id)) || tail.exitCode !== null;
  });
  const last = await deniedCheck('/last');
  await until(() => text.includes(last) || tail.exitCode !== null);
  expect(text).toMatch(/GET \/last +denied_by_policy/);
  expect(text).not.toContain('/before');
  tail.kill('SIGINT');
  expect([await ended, errors]).toEqual([[0, null], '']);
});
