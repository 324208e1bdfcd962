import { writeDurably } from './durable-write.ts';
import { effectiveUid, readGuarded } from './guarded-read.ts';

const maxBytes = 4 * 1024 * 1024;

/** One small text of ours, mode 0600, replaced whole and durably. */
export interface TextFile {
  /** Undefined while there is none. */
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

export function textFile(path: string): TextFile {
  return {
    async read() {
      const content = await readGuarded(path, { maxBytes, uid: effectiveUid() });
      return content?.toString('utf8');
    },
    write: (text) => writeDurably(path, text, { exclusive: false }),
  };
}
