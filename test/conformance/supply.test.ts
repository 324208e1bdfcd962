import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
}
const read = (file: string) => JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
const manifest = read('package.json') as {
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};
const locked = Object.entries(
  (read('package-lock.json') as { packages: Record<string, LockedPackage> }).packages,
)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => ({
    name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    ...entry,
  }));

describe('what is installed', () => {
  it('runs an install script only when it is on the list, and the list says yes or no to each (adv:O17)', () => {
    const withScript = locked
      .filter(({ hasInstallScript }) => hasInstallScript === true)
      .map(({ name }) => name);
    expect(withScript.filter((name) => !Object.hasOwn(manifest.allowScripts, name))).toEqual([]);
    expect(withScript.length).toBeGreaterThan(0);
    const stale = Object.keys(manifest.allowScripts).filter(
      (name) => !locked.some((entry) => entry.name === name),
    );
    expect(stale).toEqual([]);
  });

  it('is locked to one content each, from a registry and never from a repository or a link (adv:O17)', () => {
    for (const { name, integrity, resolved, link } of locked) {
      expect(integrity, name).toMatch(/^sha512-/);
      expect(resolved ?? 'https://registry/a.tgz', name).toMatch(/^https:\/\/.*\.tgz$/);
      expect(link, name).toBeUndefined();
    }
  });

  it('is the exact version that was tried (adv:O17)', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
      expect(locked.find((entry) => entry.name === name)?.version, name).toBeDefined();
    }
  });
});
