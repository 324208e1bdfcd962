/** Our trust bundle for other trust domains, and who of them has which. */
export { BundleReaders, type NamedReader, type ReaderNotes } from './bundle-readers.ts';
export { type ServedBundle, serveBundle } from './serve-bundle.ts';
