import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { applyText } from '../../support/apply.ts';
import { castellan } from '../../support/castellan.ts';
import { ask, CheckClient, cartEntry } from '../../support/check-harness.ts';
import { httpCall } from '../../support/http-call.ts';
import { policyYaml } from '../../support/policy.ts';

const onlyGet = cartEntry + policyYaml('get', '{rules: [{to: [{operation: {methods: [GET]}}]}]}');

function readyz(address: string) {
  return httpCall({ port: Number(address.slice(address.lastIndexOf(':') + 1)), path: '/readyz' });
}

describe('a server whose store is gone', () => {
  it('decides on from memory, refuses what would be written, and is not ready (adv:G4)', async () => {
    await using running = await castellan();
    const { extAuthz, observability } = running.server.endpoints;
    using client = new CheckClient(extAuthz);
    await applyText(running, onlyGet);
    const codes = async () => [
      (await client.check(ask())).response.status?.code,
      (await client.check(ask({ method: 'PUT' }))).response.status?.code,
    ];
    expect(await codes()).toEqual([0, 7]);
    await running.server.state.store.close();
    expect(await codes()).toEqual([0, 7]);
    await expect(applyText(running, policyYaml('all', '{rules: [{}]}'))).rejects.toMatchObject({
      kind: 'unavailable',
    });
    expect(await codes()).toEqual([0, 7]);
    expect((await readyz(observability)).status).toBe(503);
  });
});

describe('a server that has no policies in force', () => {
  it('denies everything with a fault, and is not ready, rather than decide by a part of them (adv:G5)', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'cst-'));
    const stateDir = join(scratch, 'state');
    try {
      {
        await using first = await castellan({ stateDir });
        await applyText(first, onlyGet);
      }
      const database = new DatabaseSync(join(stateDir, 'castellan.db'));
      database.exec(
        `UPDATE resource SET content = json_set(content, '$.spec', json('{"rulez":[]}')) WHERE kind = 'AuthorizationPolicy'`,
      );
      database.close();
      await using second = await castellan({ stateDir });
      using client = new CheckClient(second.server.endpoints.extAuthz);
      const { response } = await client.check(ask());
      expect(response.status).toMatchObject({ code: 7, message: 'internal_error' });
      expect(response.httpResponse).toMatchObject({ value: { status: { code: 503 } } });
      expect((await readyz(second.server.endpoints.observability)).status).toBe(503);
      // Mending it is enough.
      await applyText(second, onlyGet);
      expect((await client.check(ask())).response.status?.code).toBe(0);
      expect((await readyz(second.server.endpoints.observability)).status).toBe(200);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });
});
