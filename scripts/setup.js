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

const isCurrent = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
if (!isCurrent) {
  process.stderr.write('setting up: npm install (once, until package-lock.json changes)\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  execFileSync(npm, ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const now = createHash('sha256').update(readFileSync(lock)).digest('hex');
  if (now !== wanted) {
    process.stderr.write(
      'package-lock.json changed during npm install: commit the new lock or restore the old one, then run again.\n',
    );
    process.exit(78);
  }
  writeFileSync(stamp, wanted);
}
