/** The two ways in which a node joins by what it has already: a machine certificate, or its service account's token. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent } from '../support/agent-process.ts';
import { AccountIssuer } from '../support/callers.ts';
import { run, type ServerProcess, scratchDirectory, startServer } from '../support/cli-process.ts';
import { makeCertificate, makeRoot, type TestCertificate } from '../support/foreign-pki.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
const at = (name: string) => join(cwd, name);
const accounts = new AccountIssuer();
let machines: TestCertificate;
let server: ServerProcess;
let trusted: readonly string[];

const inJson = async (noun: string) => {
  const { stdout } = await run(['get', noun, '-o', 'json'], { cwd });
  return (JSON.parse(stdout) as { items: readonly Readonly<Record<string, string>>[] }).items;
};
const secret = (name: string, text: string) => {
  writeFileSync(at(name), text, { mode: 0o600 });
  return at(name);
};
const agentId = (rest: string) => `spiffe://cluster.local/castellan/agent/${rest}`;

beforeAll(async () => {
  machines = await makeRoot('O=machines');
  writeFileSync(at('machines.pem'), machines.pem);
  writeFileSync(
    at('castellan.yaml'),
    `${accounts.settings}agents:
  x509Pop: { bundleFile: '${at('machines.pem')}', name: common-name }
  k8sSat: { accounts: [castellan/agent] }
`,
  );
  server = await startServer({ cwd, args: ['--config', at('castellan.yaml')] });
  const root = (await inJson('roots')).find(({ role }) => role === 'root');
  trusted = ['--agent-server', server.endpoints.csr, '--agent-root-fingerprint', root?.fingerprint ?? ''];
});
afterAll(async () => {
  await server.stop();
  scratch.remove();
});

async function machine(name: string, issuer: TestCertificate): Promise<readonly string[]> {
  const extendedKeyUsage = ['1.3.6.1.5.5.7.3.2'];
  const certificate = await makeCertificate({ subject: `CN=${name}`, extendedKeyUsage }, issuer);
  writeFileSync(at(`${name}.pem`), certificate.pem);
  const key = secret(`${name}-key.pem`, certificate.privateKeyPem);
  return ['--agent-certificate-file', at(`${name}.pem`), '--agent-key-file', key];
}

describe('castellan agent', () => {
  it('joins by the certificate of its machine, and needs it no more when it starts again', async () => {
    const node = { cwd, stateDir: at('n1') };
    const first = await startAgent(node, [...trusted, ...(await machine('web-1', machines))]);
    await expect
      .poll(async () => (await inJson('agents')).map(({ id }) => id), { timeout: 30_000 })
      .toContain(agentId('x509pop/web-1'));
    expect(await first.stop()).toBe(0);
    const second = await startAgent(node, trusted.slice(0, 2));
    const ready = () => fetch(`http://${second.endpoints.observability}/readyz`).then(({ status }) => status);
    await expect.poll(ready, { timeout: 30_000 }).toBe(200);
    expect(await second.stop()).toBe(0);
  });

  it('joins by the token of its service account, named after the node of the token', async () => {
    const token = accounts.token({
      namespace: 'castellan',
      account: 'agent',
      claims: {
        'kubernetes.io': {
          namespace: 'castellan',
          serviceaccount: { name: 'agent', uid: 'account-uid' },
          pod: { name: 'agent-x', uid: 'pod-uid' },
          node: { name: 'node-7', uid: 'node-uid' },
        },
      },
    });
    const evidence = ['--agent-service-account-token-file', secret('token', token)];
    const agent = await startAgent({ cwd, stateDir: at('n2') }, [...trusted, ...evidence]);
    await expect
      .poll(async () => (await inJson('agents')).map(({ id }) => id), { timeout: 30_000 })
      .toContain(agentId('k8s_sat/node-7'));
    expect(agent.stderr()).not.toContain(token);
    expect(await agent.stop()).toBe(0);
  });

  it('is not admitted by a certificate of other machines', async () => {
    const evidence = await machine('stranger', await makeRoot('O=machines'));
    const agent = await startAgent({ cwd, stateDir: at('n3') }, [...trusted, ...evidence]).catch(
      (error: Error) => error.message,
    );
    if (typeof agent === 'string') expect(agent).toContain('did not prove what it is');
    else {
      await expect.poll(agent.stderr, { timeout: 30_000 }).toContain('did not prove what it is');
      await agent.stop();
    }
    expect((await inJson('agents')).map(({ id }) => id)).not.toContain(agentId('x509pop/stranger'));
  });
});
