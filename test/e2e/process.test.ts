import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AccountIssuer, scratchDirectory } from '../support/callers.ts';
import { leafOf } from '../support/certificates.ts';
import { makeCsr } from '../support/foreign-pki.ts';
import { IstioClient, tlsCredentials } from '../support/istio-client.ts';
import { rootsPemIn, startProcess } from '../support/process.ts';

const accounts = new AccountIssuer();

async function askOnce(csrAddress: string, stateDir: string) {
  using client = new IstioClient(csrAddress, tlsCredentials({ rootsPem: rootsPemIn(stateDir) }));
  return await client.create({ csr: (await makeCsr()).pem }, accounts.bearer());
}

describe('a server process', () => {
  it('goes from an empty directory to a certificate, and ends with 0 when it is told to stop', async () => {
    const stateDir = join(scratchDirectory(), 'state');
    const server = await startProcess({ stateDir, settings: accounts.settings });
    const { chain } = await askOnce(server.endpoints.csr, stateDir);
    expect(leafOf(chain).san?.uris).toEqual(['spiffe://cluster.local/ns/shop/sa/cart']);
    expect(statSync(join(stateDir, 'operator-token')).mode & 0o777).toBe(0o600);
    expect(statSync(server.endpoints.adminSocket.slice('unix:'.length)).mode & 0o777).toBe(0o600);
    expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(existsSync(join(stateDir, 'endpoints.json'))).toBe(false);
  });

  it('called server makes no authority of its own in an empty directory (adv:S06)', async () => {
    const stateDir = join(scratchDirectory(), 'state');
    await expect(startProcess({ stateDir, verb: 'server' })).rejects.toThrow(/castellan init/);
    expect(existsSync(join(stateDir, 'authority'))).toBe(false);
  });

  it('is alone with its state directory (adv:S07)', async () => {
    const stateDir = join(scratchDirectory(), 'state');
    const server = await startProcess({ stateDir, settings: accounts.settings });
    await expect(startProcess({ stateDir, settings: accounts.settings })).rejects.toThrow(
      /STORE_LOCKED|another server/,
    );
    await server.end('SIGTERM');
  });

  it('holds its tongue about the tokens that callers show it (adv:O07)', async () => {
    const stateDir = join(scratchDirectory(), 'state');
    const server = await startProcess({
      stateDir,
      settings: `${accounts.settings}logging: { level: debug }\n`,
    });
    const bearer = accounts.bearer({ audience: ['canary'] });
    using client = new IstioClient(server.endpoints.csr, tlsCredentials({ rootsPem: rootsPemIn(stateDir) }));
    await client.refused({ csr: (await makeCsr()).pem }, bearer);
    await server.end('SIGTERM');
    const token = bearer.authorization?.slice('Bearer '.length) ?? '';
    expect(server.stderr()).toContain('certificate request refused');
    for (const secret of [token, token.split('.')[1], token.split('.')[2]])
      expect(server.stderr()).not.toContain(secret);
  });
});
