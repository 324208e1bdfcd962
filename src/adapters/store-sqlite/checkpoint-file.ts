import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import type { CheckpointLog } from '../../operations/ports/index.ts';

/** Checkpoints as JSON lines in a file outside the database, 0600, only ever added to, each line synced. */
export function checkpointFile(file: string): CheckpointLog {
  return {
    async append(line) {
      const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
      const handle = await open(file, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
      try {
        const { size } = await handle.stat();
        const last = Buffer.alloc(1);
        if (size > 0) await handle.read(last, 0, 1, size - 1);
        // A line torn by a crash is ended first, so that it cannot swallow this one.
        const torn = size > 0 && last[0] !== 0x0a;
        await handle.appendFile(`${torn ? '\n' : ''}${line}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
    async read() {
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      });
      return text.split('\n').filter((line) => line.endsWith('}'));
    },
  };
}
