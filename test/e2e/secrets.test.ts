import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { buildCsr, formatCsrPem, localSigner } from '../../src/x509/index.ts';
import { run, scratchDirectory, startServer } from '../support/cli-process.ts';
import { IstioClient, tlsCredentials } from '../support/istio-client.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
afterAll(() => scratch.remove());

const canary = () => `canary${randomBytes(12).toString('hex')}`;

/** Asks the admin API over https with the headers given; the answer's status. */
function ask(address: string, headers: Record<string, string>, path = '/api/v1/version'): Promise<number> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const call = request({ host, port, path, headers, rejectUnauthorized: false }, (reply) => {
      reply.resume();
      resolve(reply.statusCode ?? 0);
    });
    call.once('error', reject);
    call.end();
  });
}

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('secrets', () => {
  it('stand in no log line, no other output and no file but their own, at the most talkative level (adv:O07)', async () => {
    const passphrase = canary();
    writeFileSync(join(cwd, 'pass'), `${passphrase}\n`, { mode: 0o400 });
    const server = await startServer({
      cwd,
      args: ['--authority-passphrase-file', 'pass', '--logging-level', 'debug'],
    });
    const { admin, csr } = server.endpoints;
    const operatorToken = readFileSync(join(server.stateDir, 'operator-token'), 'utf8').trim();
    const bearer = `${canary()}.${canary()}.${canary()}`;
    const wrongToken = canary().padEnd(43, 'x');
    const roots = JSON.parse((await run(['get', 'roots', '-o', 'json'], { cwd })).stdout);
    const rootsPem = roots.items[0].certificatePem as string;

    const issued = await run(['issue', 'spiffe://cluster.local/ns/a/sa/b', '--out', 'c'], { cwd });
    const made = await run(['token', 'create', '--for', 'spiffe://cluster.local/ns/a/sa/c'], { cwd });
    const joinToken = made.stdout.trim();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const csrPem = formatCsrPem(await buildCsr(localSigner(privateKey)));
    await ask(admin, { authorization: `Bearer ${operatorToken}` });
    await ask(admin, { authorization: `Bearer ${wrongToken}`, cookie: `session=${wrongToken}` });
    await ask(admin, {}, `/api/v1/version?access_token=${wrongToken}`);
    using client = new IstioClient(csr, tlsCredentials({ rootsPem }));
    const [, second] = await Promise.allSettled(
      [joinToken, joinToken, bearer, `castellan_join_${canary()}`].map((token) =>
        client.create({ csr: csrPem }, { authorization: `Bearer ${token}` }),
      ),
    );
    expect(second?.status).toBe('rejected');
    await run(['get', 'audit', '-o', 'json'], { cwd });
    const ended = await server.stop();
    expect([issued.code, made.code, ended.code]).toEqual([0, 0, 0]);

    const secrets = { passphrase, operatorToken, bearer, wrongToken, joinToken };
    const printed = ended.stdout + ended.stderr + issued.stdout + issued.stderr + made.stderr;
    expect(printed.match(/certificate request refused/g)).toHaveLength(3);
    for (const [name, secret] of Object.entries(secrets)) {
      expect(printed.includes(secret), name).toBe(false);
      const own = { passphrase: join(cwd, 'pass'), operatorToken: join(server.stateDir, 'operator-token') };
      for (const file of filesUnder(cwd))
        if (file !== (own as Record<string, string>)[name])
          expect(readFileSync(file).includes(secret), `${name} in ${file}`).toBe(false);
    }
    expect(printed).not.toContain('PRIVATE KEY');
    for (const file of filesUnder(join(server.stateDir, 'authority'))) {
      expect(readFileSync(file, 'latin1')).not.toMatch(/BEGIN (EC )?PRIVATE KEY/);
      expect(statSync(file).mode & 0o077, file).toBe(0);
    }
  });

  it('stay with whoever has them: forwarding headers change nobody into somebody else (adv:O08)', async () => {
    const server = await startServer({ cwd, stateDir: join(cwd, 's2') });
    try {
      const { admin } = server.endpoints;
      const statuses: number[] = [];
      for (let i = 0; i < 12; i++)
        statuses.push(
          await ask(admin, {
            authorization: `Bearer ${'w'.repeat(43)}`,
            'x-forwarded-for': `10.0.0.${i}`,
            'x-forwarded-host': 'localhost',
            'x-forwarded-proto': 'https',
            forwarded: `for=10.0.0.${i}`,
          }),
        );
      // Were the header believed, each call would come from an address of its own and none be locked out.
      expect(statuses.filter((status) => status === 429)).toHaveLength(2);
      expect(await ask(admin, { 'x-forwarded-for': '127.0.0.1' })).toBe(429);
    } finally {
      await server.stop();
    }
  });
});
