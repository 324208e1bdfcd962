export { type FileSet, writeFileSet } from './file-set.ts';
export { type Notice, notifyChange } from './notify.ts';
