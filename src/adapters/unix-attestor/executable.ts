import { createHash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { BoundedCache } from '../../base/bounded-cache.ts';
import { Coalescer } from '../../base/waiting.ts';

const largest = 1024 * 1024 * 1024;
const chunk = 1024 * 1024;

/**
 * The path of a process's program, or undefined where it is not certain: it was removed or replaced, may not be read,
 * or the process sees other file systems than we do, where the same path may be any file.
 */
export function executablePath(pid: number): string | undefined {
  try {
    if (readlinkSync(`/proc/${pid}/ns/mnt`) !== readlinkSync('/proc/self/ns/mnt')) return undefined;
    const path = readlinkSync(`/proc/${pid}/exe`);
    return path.endsWith(' (deleted)') ? undefined : path;
  } catch {
    return undefined;
  }
}

/** SHA-256 of programs, each file read once as long as it does not change. */
export class ExecutableDigests {
  readonly #digests = new BoundedCache<string>(1_000);
  readonly #reading = new Coalescer<string>();
  readonly #never = new AbortController().signal;

  /** Undefined where the file may not be read, or is too large. The link leads to the file itself, not to a name. */
  async digestOf(pid: number): Promise<string | undefined> {
    let file: FileHandle;
    try {
      file = await open(`/proc/${pid}/exe`, 'r');
    } catch {
      return undefined;
    }
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
      if (size > BigInt(largest)) return undefined;
      const key = `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
      const known = this.#digests.get(key, 0);
      if (known !== undefined) return known;
      const digest = await this.#reading.run(key, () => hashFile(file), this.#never);
      this.#digests.set(key, digest, { from: 0, until: 1 });
      return digest;
    } catch {
      return undefined;
    } finally {
      await file.close();
    }
  }
}

async function hashFile(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(chunk);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, chunk, at);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}
