import type { AuditCheckpoints, AuditReport } from '../../operations/ports/index.ts';
import { storeErrors } from '../../operations/ports/index.ts';
import { verifyStoredAudit } from './audit.ts';
import { checkHeader } from './database-file.ts';
import { Reader } from './reader.ts';
import { exists } from './state-directory.ts';

/** `castellan audit verify FILE`: the chain of a database or backup file, read only, with or without a server on it. */
export async function verifyAuditFile(file: string, checkpoints?: AuditCheckpoints): Promise<AuditReport> {
  if (!exists(file)) throw storeErrors.STORE_MISSING({ message: `there is no database \`${file}\`` });
  checkHeader(file);
  const reader = new Reader(file);
  try {
    return await verifyStoredAudit(reader, checkpoints);
  } finally {
    reader.close();
  }
}
