import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { FakeTokenIssuer } from '../../fakes/token-issuer.ts';
import { applyText } from '../../support/apply.ts';
import { castellan } from '../../support/castellan.ts';
import { ask, CheckClient, cartEntry } from '../../support/check-harness.ts';
import { requestAuthYaml } from '../../support/policy.ts';

it('a key server that takes the connection and says nothing holds up only the tokens of its issuer (adv:N17)', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const [lost, known] = [
    new FakeTokenIssuer({ issuer: 'https://lost.example' }),
    new FakeTokenIssuer({ issuer: 'https://known.example' }),
  ];
  const rules = [
    `{issuer: "${lost.issuer}", jwksUri: "https://127.0.0.1:${port}/keys"}`,
    `{issuer: "${known.issuer}", jwks: '${known.jwks()}'}`,
  ];
  await using running = await castellan({ settings: 'outbound: {allow: [127.0.0.1]}\n' });
  await applyText(running, cartEntry + requestAuthYaml('jwt', `{jwtRules: [${rules.join(', ')}]}`));
  using client = new CheckClient(running.server.endpoints.extAuthz);
  const claims = { sub: 'u', exp: Math.floor(Date.now() / 1000) + 600 };
  const answer = async (token: string | undefined) => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const { response } = await client.check(ask({ headers }), { deadlineMs: 60_000 });
    return response.status?.code === 0 ? 'allow' : response.status?.message;
  };
  try {
    let isOver = false;
    const waiting = Promise.all(Array.from({ length: 20 }, () => answer(lost.token(claims))));
    void waiting.then(() => (isOver = true));
    for (let i = 0; i < 50; i++) {
      expect(await answer(known.token(claims))).toBe('allow');
      expect(await answer(undefined)).toBe('allow');
    }
    expect(isOver).toBe(false);
    expect(new Set(await waiting)).toEqual(new Set(['jwks_unavailable']));
  } finally {
    silent.close();
  }
});
