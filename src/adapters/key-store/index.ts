export { openAgentDirectory } from './agent-directory.ts';
export { type AuthorityArchive, packAuthority, unpackAuthority } from './authority-archive.ts';
export { keyStoreErrors } from './errors.ts';
export { ephemeralKeys, FileKeyStore, type KeyProtection, unencryptedNotice } from './file-key-store.ts';
export { type PassphraseReading, type PassphraseSource, readPassphrase } from './passphrase.ts';
export {
  type AuthorityFiles,
  createAuthorityDirectory,
  isAuthorityDirectoryFree,
  openAuthorityDirectory,
} from './state-directory.ts';
export { textFile } from './text-file.ts';
