// Brings node_modules in line with package-lock.json. Runs on any Node, before anything is installed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lock = join(root, 'package-lock.json');
const stamp = join(root, 'node_modules', '.castellan-setup');
const wanted = createHash('sha256').update(readFileSync(lock)).digest('hex');

/**
 * What npm installed and the lock does not say. Registries differ in which binaries of other systems they serve, so an
 * optional package may be missing from the lock; nothing else may, and no version or digest may differ.
 */
function strayPackages() {
  const locked = JSON.parse(readFileSync(lock, 'utf8')).packages;
  const installed = JSON.parse(
    readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8'),
  ).packages;
  return Object.entries(installed).flatMap(([path, { version, integrity, optional }]) => {
    const entry = locked[path];
    if (entry === undefined) return optional === true ? [] : [`${path} ${version} is not in the lock`];
    const isSame = entry.version === version && entry.integrity === integrity;
    return isSame ? [] : [`${path} is ${version}, the lock says ${entry.version} (or another digest)`];
  });
}

const isCurrent = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
if (!isCurrent) {
  process.stderr.write('setting up: npm install (once, until package-lock.json changes)\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  execFileSync(npm, ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const stray = strayPackages();
  if (stray.length > 0) {
    process.stderr.write(`npm did not install what package-lock.json says:\n  ${stray.join('\n  ')}\n`);
    process.stderr.write('run `npm install` by hand, look at what it changed, and commit the new lock.\n');
    process.exit(78);
  }
  writeFileSync(stamp, wanted);
}
