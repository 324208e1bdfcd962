/** A directory of resource files as the source of some of the store (GitOps). */
export { DirectorySource, type DirectorySourceOptions, type DirectoryStatus } from './directory-source.ts';
export type { DirectoryFile, DirectoryReading, PolicyDirectory } from './reading.ts';
export { releaseDirectory } from './release.ts';
