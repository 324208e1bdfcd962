import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it } from 'vitest';
import { parsePem } from '../support/certificates.ts';
import { run, scratchDirectory, startServer } from '../support/cli-process.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
afterAll(() => scratch.remove());
const at = (name: string) => join(cwd, name);
const json = async (args: string[]) => JSON.parse((await run([...args, '-o', 'json'], { cwd })).stdout);

describe('the life of a server', () => {
  it('begins with init, never by itself, and goes on with what was there (adv:S06)', async () => {
    const args = ['--state-dir', at('state')];
    const early = await run(['server', ...args], { cwd });
    expect([early.code, existsSync(at('state'))]).toEqual([78, false]);
    expect((await run(['init', ...args], { cwd })).code).toBe(0);
    const again = await run(['init', ...args], { cwd });
    expect([again.code, again.stderr.includes('STATE_NOT_EMPTY')]).toEqual([1, true]);
    const first = await startServer({ cwd, verb: 'server', stateDir: at('state') });
    const server = `--server=${at('state')}`;
    const roots = await json(['get', 'roots', server]);
    const ended = await first.stop();
    expect([ended.code, ended.stdout, existsSync(at('state/endpoints.json'))]).toEqual([0, '', false]);
    const second = await startServer({ cwd, verb: 'server', stateDir: at('state') });
    expect((await json(['get', 'roots', server])).items).toEqual(roots.items);
    await second.stop('SIGINT');
  });

  it('has the young generation that NODE_OPTIONS names, else one of 4 MB', async () => {
    const flagsOf = async (name: string, env: Readonly<Record<string, string>>) => {
      const server = await startServer({ cwd, stateDir: at(name), env });
      const flags = readFileSync(`/proc/${server.process.pid}/cmdline`, 'utf8');
      await server.stop();
      return flags;
    };
    expect(await flagsOf('small', {})).toContain('--max-semi-space-size=4');
    const named = { NODE_OPTIONS: '--max-semi-space-size=16' };
    expect(await flagsOf('large', named)).not.toContain('semi-space');
  });

  it('begins where a restore has failed, as if nobody had tried', async () => {
    const args = ['--state-dir', at('tried')];
    const failed = await run(['restore', 'no.db', ...args], { cwd });
    expect([failed.code, failed.stderr.includes('BACKUP_MISSING')]).toEqual([78, true]);
    expect(existsSync(at('tried'))).toBe(false);
    writeFileSync(at('torn.db'), 'half a backup');
    expect((await run(['restore', 'torn.db', ...args], { cwd })).code).toBe(78);
    expect((await run(['init', ...args], { cwd })).code).toBe(0);
  });

  it.each([
    ['csrPort: 15012\ntrustDomian: a\n', 0o644, 'config.yaml:2'],
    ['csrPort: 15012\n', 0o666, 'SETTINGS_FILE_UNSAFE'],
    ['authority:\n  passphrase: hunter2\n', 0o644, 'SETTING_SECRET_INLINE'],
    ['authority:\n  cacertsDir: nowhere\n', 0o644, 'CACERTS'],
  ])('does not begin with a wrong configuration: %j of mode %o (adv:P13)', async (text, mode, hint) => {
    writeFileSync(at('config.yaml'), text);
    chmodSync(at('config.yaml'), mode);
    for (const verb of ['up', 'init']) {
      const ran = await run([verb, '--config', 'config.yaml', '--state-dir', 'never'], { cwd });
      expect([ran.code, ran.stdout]).toEqual([78, '']);
      expect(ran.stderr).toContain(hint);
      expect(ran.stderr).not.toContain('hunter2');
      rmSync(at('never'), { recursive: true, force: true });
    }
  });

  it('goes on where a stored resource is damaged: it is named, and applying it again mends it', async () => {
    const registration = at('cart.yaml');
    writeFileSync(
      registration,
      `apiVersion: castellan.dev/v1alpha1
kind: IdentityRegistration
metadata: { name: cart }
spec: { spiffeId: spiffe://cluster.local/ns/shop/sa/cart, selectors: [unix:uid:1001] }
`,
    );
    const first = await startServer({ cwd });
    const applied = await run(['apply', '-f', registration], { cwd });
    expect([applied.code, applied.stderr]).toEqual([0, '']);
    await first.stop();
    const database = new DatabaseSync(at('.castellan/castellan.db'));
    database.exec(`UPDATE resource SET content = '{"apiVersion": 1, nope' WHERE name = 'cart'`);
    database.close();
    const second = await startServer({ cwd });
    const shown = await run(['get', 'IdentityRegistration', 'cart', '-o', 'yaml'], { cwd });
    expect(shown.code).not.toBe(0);
    expect(shown.stderr).toContain('RESOURCE_DAMAGED');
    expect(shown.stderr).toContain('IdentityRegistration/default/cart');
    expect(shown.stderr).toContain('apply it again, or delete it');
    expect((await run(['apply', '-f', registration], { cwd })).stdout).toContain('updated');
    expect((await run(['get', 'IdentityRegistration', 'cart', '-o', 'yaml'], { cwd })).code).toBe(0);
    await second.stop();
    rmSync(at('.castellan'), { recursive: true, force: true });
  });

  it('can end in a lost disk and begin again from a backup, in a new epoch (adv:S21)', async () => {
    const first = await startServer({ cwd });
    await run(['issue', 'spiffe://cluster.local/ns/a/sa/b', '--out', 'certs'], { cwd });
    await run(['token', 'create', '--for', 'spiffe://cluster.local/ns/a/sa/c'], { cwd });
    const serials = async () =>
      (await json(['get', 'identities'])).items.map(({ serial }: { serial: string }) => serial) as string[];
    const before = await serials();
    const copied = await run(['backup', 'copy.db'], { cwd });
    expect([copied.code, statSync(at('copy.db')).mode & 0o777]).toEqual([0, 0o600]);
    await run(['revoke', 'spiffe://cluster.local/ns/a/sa/b', '--yes'], { cwd });
    const busy = await run(['restore', 'copy.db'], { cwd });
    expect([busy.code, busy.stderr.includes('STORE_LOCKED')]).toEqual([75, true]);
    await first.stop();
    expect((await run(['restore', 'copy.db'], { cwd })).code).toBe(78);
    for (const name of ['castellan.db', 'castellan.db-wal', 'castellan.db-shm'])
      rmSync(join(first.stateDir, name), { force: true });
    // A missing database is never made anew, not even by up (S06).
    const empty = await run(['up'], { cwd });
    expect([empty.code, empty.stderr.includes('STORE_MISSING')]).toEqual([78, true]);
    const restored = await run(['restore', 'copy.db', '-o', 'json'], { cwd });
    expect(restored.code).toBe(0);
    expect(JSON.parse(restored.stdout)).toMatchObject({
      epoch: 1,
      hasAuthority: true,
      voidedJoinTokens: [{ spiffeId: 'spiffe://cluster.local/ns/a/sa/c' }],
      mustRepeat: expect.any(Array),
    });
    const second = await startServer({ cwd });
    const after = await serials();
    expect(after).toEqual(expect.arrayContaining(before));
    expect((await json(['get', 'tokens'])).items).toEqual([]);
    expect((await run(['audit', 'verify'], { cwd })).code).toBe(0);
    await second.stop();
  });

  it('can move to another machine with its keys, which travel sealed and come to lie sealed (adv:S21)', async () => {
    const [old, moved] = [at('old'), at('moved')];
    writeFileSync(at('travel'), 'a passphrase for the way\n', { mode: 0o600 });
    writeFileSync(at('rest'), 'a passphrase for the new home\n', { mode: 0o600 });
    const first = await startServer({ cwd, stateDir: old });
    const server = `--server=${old}`;
    await run(['issue', 'spiffe://cluster.local/ns/a/sa/b', '--out', 'old-certs', server], { cwd });
    const roots = await json(['get', 'roots', server]);
    const travel = ['--keys', 'keys.sealed', '--keys-passphrase-file', 'travel'];
    const copied = await run(['backup', 'moved.db', ...travel, '--state-dir', old, server], { cwd });
    expect([copied.code, statSync(at('keys.sealed')).mode & 0o777]).toEqual([0, 0o600]);
    const sealed = readFileSync(at('keys.sealed'), 'utf8');
    expect(sealed).not.toMatch(/PRIVATE KEY|journal/);
    await first.stop();

    const home = ['--state-dir', moved, '--authority-passphrase-file', 'rest'];
    const wrong = ['--keys', 'keys.sealed', '--keys-passphrase-file', 'rest'];
    const refused = await run(['restore', 'moved.db', ...wrong, ...home], { cwd });
    expect([refused.code, refused.stderr.includes('ARCHIVE_CANNOT_OPEN')]).toEqual([78, true]);
    writeFileSync(at('half.db'), readFileSync(at('moved.db')).subarray(0, 8192));
    const half = await run(['restore', 'half.db', ...travel, ...home], { cwd });
    expect([half.code, existsSync(join(moved, 'authority'))]).toEqual([78, false]);
    const restored = await run(['restore', 'moved.db', ...travel, ...home, '-o', 'json'], { cwd });
    expect([restored.code, JSON.parse(restored.stdout)]).toMatchObject([0, { epoch: 1, hasAuthority: true }]);
    const atRest = readFileSync(join(moved, 'authority', 'root-1.key'), 'utf8');
    expect(atRest).toMatch(/^castellan-key\/1 /);

    const second = await startServer({ cwd, stateDir: moved, args: home.slice(2) });
    const there = `--server=${moved}`;
    expect((await json(['get', 'roots', there])).items).toEqual(roots.items);
    await run(['issue', 'spiffe://cluster.local/ns/a/sa/b', '--out', 'new-certs', there], { cwd });
    const bundle = readFileSync(at('old-certs/bundle.pem'), 'utf8');
    expect(readFileSync(at('new-certs/bundle.pem'), 'utf8')).toBe(bundle);
    const verified = await run(['inspect', 'new-certs/cert.pem', '--verify', there], { cwd });
    expect(verified.code).toBe(0);
    const serialOf = (dir: string) => parsePem(readFileSync(at(`${dir}/cert.pem`), 'utf8'))[0]?.serial ?? '';
    // Another first byte: the new epoch can never draw a serial of the old one.
    expect(serialOf('new-certs').slice(0, 2)).not.toBe(serialOf('old-certs').slice(0, 2));
    expect((await run(['audit', 'verify', there], { cwd })).code).toBe(0);
    await second.stop();
  });

  it('is found by its state directory only while it runs, and its stale socket is replaced (adv:N11)', async () => {
    const first = await startServer({ cwd, stateDir: at('n11') });
    const copy = at('endpoints.copy');
    copyFileSync(at('n11/endpoints.json'), copy);
    await first.stop('SIGKILL');
    const asked = await run(['get', 'roots', '--server', at('n11')], { cwd });
    expect([asked.code, asked.stderr.includes('SERVER_UNREACHABLE')]).toEqual([69, true]);
    rmSync(at('n11/endpoints.json'), { force: true });
    const second = await startServer({ cwd, stateDir: at('n11') });
    expect((await run(['get', 'roots', '--server', at('n11')], { cwd })).code).toBe(0);
    await second.stop();
    // What is no socket of ours is never removed, and a path too long for a socket is refused by name.
    writeFileSync(at('n11/run/admin.sock'), 'precious');
    const blocked = await run(['up', '--state-dir', at('n11')], {
      cwd,
    });
    expect([blocked.code, readFileSync(at('n11/run/admin.sock'), 'utf8')]).toEqual([78, 'precious']);
    const deep = at(`${'d'.repeat(60)}/${'e'.repeat(60)}`);
    mkdirSync(deep, { recursive: true });
    const long = await run(['up', '--state-dir', join(deep, 's')], {
      cwd,
    });
    expect([long.code, long.stderr.includes('SOCKET_PATH_TOO_LONG')]).toEqual([78, true]);
  });
});
