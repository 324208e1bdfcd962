import { createPrivateKey } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeFileSet } from '../../../src/adapters/workload-files/index.ts';
import { keepFiles } from '../../../src/app/agent-files.ts';
import { systemEnvironment } from '../../../src/app/environment.ts';
import { loadSettings } from '../../../src/app/settings/index.ts';
import { parseCertificatesPem, publicKeyOf } from '../../../src/x509/index.ts';
import { registration } from '../../fakes/agent-server.ts';
import { FakeLogger } from '../../fakes/logger.ts';
import { selfSelectors, startTestAgent } from '../../support/agent.ts';
import { until } from '../../support/wire-server.ts';

const scratch = mkdtempSync(join(tmpdir(), 'cst-files-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const read = (directory: string, name: string) => readFileSync(join(directory, name), 'utf8');

describe('a set of files', () => {
  it('is exchanged in one step, 0600, and leaves the one before for who is reading it', async () => {
    const directory = join(scratch, 'set');
    for (const n of [1, 2, 3, 4]) {
      await writeFileSet(directory, { 'key.pem': `key ${n}`, 'cert.pem': `cert ${n}` });
      expect([read(directory, 'key.pem'), read(directory, 'cert.pem')]).toEqual([`key ${n}`, `cert ${n}`]);
    }
    expect(statSync(join(directory, 'key.pem')).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).filter((name) => /^\.\.[0-9a-f]{16}$/.test(name))).toHaveLength(2);
  });

  it('takes no place that somebody else’s file has', async () => {
    const directory = join(scratch, 'taken');
    await writeFileSet(directory, { 'a.pem': 'a' });
    writeFileSync(join(directory, 'key.pem'), 'precious');
    await expect(writeFileSet(directory, { 'key.pem': 'ours' })).rejects.toThrow('is in the way');
    expect(read(directory, 'key.pem')).toBe('precious');
  });
});

describe('the agent’s own identity as files', () => {
  it('is written as a set, a command runs after each change, and a command that fails is an alarm', async () => {
    const directory = join(scratch, 'own');
    const log = join(scratch, 'log');
    await using node = await startTestAgent({
      registrations: [registration('a/web', 'spiffe://cluster.local/web', selfSelectors)],
    });
    const command = `test ! -e ${log}.fail && wc -l < "$CASTELLAN_FILES_DIR/key.pem" >> ${log}`;
    const { settings } = loadSettings({
      env: {},
      cwd: scratch,
      flags: { 'agent.files.dir': directory, 'agent.files.command': command },
    });
    using _files = await keepFiles(node.agent.node, settings.agent, systemEnvironment(new FakeLogger()));
    await until(() => existsSync(log));
    const [leaf] = parseCertificatesPem(read(directory, 'cert.pem'));
    expect(leaf?.san?.uris).toEqual(['spiffe://cluster.local/web']);
    expect(publicKeyOf(createPrivateKey(read(directory, 'key.pem'))).spkiSha256).toBe(
      leaf?.publicKey.spkiSha256,
    );
    expect(parseCertificatesPem(read(directory, 'bundle.pem')).map(({ der }) => der)).toEqual(
      node.server.rootsDer,
    );
    writeFileSync(`${log}.fail`, '');
    node.server.state.revocations = { deniedSerials: [leaf?.serial ?? ''] };
    node.server.push(['revocations']);
    await until(() => node.agent.node.alarms.list().some(({ code }) => code === 'workload_files'));
    expect(parseCertificatesPem(read(directory, 'cert.pem'))[0]?.serial).not.toBe(leaf?.serial);
  });
});
