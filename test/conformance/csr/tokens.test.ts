import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FakeTokenIssuer } from '../../fakes/token-issuer.ts';
import { castellan } from '../../support/castellan.ts';
import { makeCsr } from '../../support/foreign-pki.ts';

it('a plain gRPC client with a service account token gets its chain', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'x-'));
  const issuer = new FakeTokenIssuer();
  const jwks = join(dir, 'jwks.json');
  writeFileSync(jwks, issuer.jwks());
  await using ca = await castellan({
    settings: `issuers:\n  - issuer: ${issuer.issuer}\n    jwksFile: ${jwks}\n`,
  });
  using client = ca.client();
  const csr = await makeCsr();
  const now = Math.floor(Date.now() / 1000);
  const token = issuer.token({
    sub: 'system:serviceaccount:shop:cart',
    aud: ['istio-ca'],
    iat: now,
    exp: now + 600,
    'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'cart', uid: 'u' } },
  });
  const answer = await client.create({ csr: csr.pem }, { authorization: `Bearer ${token}` });
  expect(answer.chain).toHaveLength(3);
});
