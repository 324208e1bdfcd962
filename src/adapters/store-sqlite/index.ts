export { checkpointFile } from './checkpoint-file.ts';
export { verifyAuditFile } from './offline.ts';
export { acceptLoss, type RestoreOptions, type RestoreOutcome, restoreBackup } from './restore.ts';
export { stateFiles } from './state-directory.ts';
export { openStore, type SqliteStore, type StoreLimits, type StoreOptions } from './store.ts';
