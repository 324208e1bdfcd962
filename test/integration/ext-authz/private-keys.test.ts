import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startHttpsServer } from '../../fakes/https-server.ts';
import { FakeTokenIssuer } from '../../fakes/token-issuer.ts';
import { applyText } from '../../support/apply.ts';
import { castellan } from '../../support/castellan.ts';
import { ask, CheckClient, cartEntry } from '../../support/check-harness.ts';
import { requestAuthYaml } from '../../support/policy.ts';

it('a key set under a private authority is believed when the settings name it, and not otherwise', async () => {
  const issuer = new FakeTokenIssuer();
  await using server = await startHttpsServer((_request, reply) => reply.end(issuer.jwks()));
  const scratch = mkdtempSync(join(tmpdir(), 'castellan-ca-'));
  const caFile = join(scratch, 'ca.pem');
  writeFileSync(caFile, server.ca);
  const rule = `{issuer: "${issuer.issuer}", jwksUri: "https://localhost:${server.port}/keys"}`;
  const policies = cartEntry + requestAuthYaml('jwt', `{jwtRules: [${rule}]}`);
  const authorization = `Bearer ${issuer.token({ sub: 'u', exp: Math.floor(Date.now() / 1000) + 600 })}`;
  const answer = async (settings: string) => {
    await using running = await castellan({ settings });
    await applyText(running, policies);
    using client = new CheckClient(running.server.endpoints.extAuthz);
    const { response } = await client.check(ask({ headers: { authorization } }));
    return response.status?.code === 0 ? 'allow' : response.status?.message;
  };
  try {
    expect(await answer(`outbound: {allow: [127.0.0.1, "::1"], caFile: ${caFile}}\n`)).toBe('allow');
    expect(await answer('outbound: {allow: [127.0.0.1, "::1"]}\n')).toBe('jwks_unavailable');
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
