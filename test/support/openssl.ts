/** The `openssl` command as a second opinion. Files live in a directory of their own that is removed afterwards. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class OpensslBench implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'castellan-openssl-'));
  #count = 0;

  /** Writes a file and returns its path. */
  file(content: string | Uint8Array, name = `f${this.#count++}`): string {
    const path = join(this.directory, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Standard output; throws when openssl fails. */
  run(...args: readonly string[]): string {
    return execFileSync('openssl', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: this.directory,
    });
  }

  /** Exit status and everything it printed. */
  try(...args: readonly string[]): { readonly ok: boolean; readonly output: string } {
    const result = spawnSync('openssl', args, { encoding: 'utf8', cwd: this.directory });
    return { ok: result.status === 0, output: `${result.stdout}${result.stderr}` };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
