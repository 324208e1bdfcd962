import { hash } from 'node:crypto';
import { textFile } from '../adapters/key-store/index.ts';
import { BundleReaders, type NamedReader } from '../operations/federation/index.ts';
import type { Environment } from './environment.ts';
import { appErrors } from './errors.ts';
import { readSecretFile, type Settings } from './settings/index.ts';

/** Who of other trust domains is waited for, with what is known of them from earlier lives. */
export async function openBundleReaders(
  { bundleEndpoint, authority }: Settings,
  notesFile: string,
  { clock, logger }: Environment,
): Promise<BundleReaders> {
  const readers = bundleEndpoint.enabled ? bundleEndpoint.readers.map(namedReader) : [];
  if (new Set(readers.map(({ name }) => name)).size < readers.length) throw appErrors.BUNDLE_READER_TWICE();
  return BundleReaders.open({
    readers,
    notes: textFile(notesFile),
    silentAfter: authority.maxWorkloadTtl,
    clock,
    logger: logger.scoped('bundle'),
  });
}

function namedReader({ name, tokenFile }: Settings['bundleEndpoint']['readers'][number]): NamedReader {
  const token = readSecretFile(tokenFile);
  if (!/^[A-Za-z0-9_-]{22,256}$/.test(token))
    throw appErrors.BUNDLE_READER_TOKEN_WEAK({ message: `the secret of the reader \`${name}\` does not do` });
  return { name, tokenHash: hash('sha256', token, 'buffer') };
}
