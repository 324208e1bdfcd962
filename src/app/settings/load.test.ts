import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadSettings } from './load.ts';

const dir = mkdtempSync(join(tmpdir(), 'castellan-settings-'));
afterAll(() => rmSync(dir, { recursive: true }));

function load(text: string, options: { mode?: number; env?: Record<string, string> } = {}) {
  const file = join(dir, 'config.yaml');
  writeFileSync(file, text);
  chmodSync(file, options.mode ?? 0o644);
  return loadSettings({ file, env: options.env ?? {}, flags: {}, cwd: '/cwd' });
}

describe('the settings file', () => {
  it('is YAML; paths in it start at its own directory, and every value knows its line', () => {
    const { settings, shown } = load(
      'trustDomain: example.org\nauthority:\n  cacertsDir: ca\n  workloadTtl: 1h\n',
      {
        env: { CASTELLAN_AUTHORITY_WORKLOAD_TTL: '2h' },
      },
    );
    expect([settings.trustDomain, settings.authority.cacertsDir, settings.stateDir]).toEqual([
      'example.org',
      join(dir, 'ca'),
      '/cwd/.castellan',
    ]);
    const origin = (name: string) => shown.find((one) => one.name === name)?.origin;
    expect(origin('authority.cacertsDir')).toBe(`file ${join(dir, 'config.yaml')}:3`);
    expect(origin('authority.workloadTtl')).toBe('env CASTELLAN_AUTHORITY_WORKLOAD_TTL');
    expect(origin('csrPort')).toBe('default');
  });

  it('may be empty', () => {
    expect(load('# nothing yet\n').settings.trustDomain).toBe('cluster.local');
  });

  it.each([
    ['csrPort: 15012\ntrustDomian: a\n', 'SETTING_UNKNOWN', 'config.yaml:2), did you mean `trustDomain`?'],
    ['authority:\n  passphrase: hunter2\n', 'SETTING_SECRET_INLINE', 'config.yaml:2'],
    ['csrPort: 1\ncsrPort: 2\n', 'SETTINGS_FILE_UNREADABLE', 'config.yaml:2'],
    ['a: &x 1\nb: *x\n', 'SETTINGS_FILE_UNREADABLE', 'config.yaml:1'],
    ['- 1\n', 'SETTINGS_FILE_UNREADABLE', 'a map of settings'],
    ['csrPort: 1\n---\ncsrPort: 2\n', 'SETTINGS_FILE_UNREADABLE', 'one document'],
    ['csrPort: fifteen\n', 'SETTING_INVALID', 'config.yaml:1'],
  ])('is refused with the place: %j (adv:P13)', (text, code, place) => {
    expect(() => load(text)).toThrow(expect.objectContaining({ code }));
    expect(() => load(text)).toThrow(place);
    expect(() => load(text)).not.toThrow('hunter2');
  });

  it('is refused when everybody may write it (adv:P13)', () => {
    expect(() => load('csrPort: 1\n', { mode: 0o666 })).toThrow(
      expect.objectContaining({ code: 'SETTINGS_FILE_UNSAFE' }),
    );
  });

  it('that is not there is named', () => {
    expect(() => loadSettings({ file: 'none.yaml', env: {}, flags: {}, cwd: dir })).toThrow('none.yaml');
  });
});
