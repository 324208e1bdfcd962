import { constants } from 'node:fs';
import { open, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { authorityErrors, type PluggedFiles } from '../../authority/index.ts';
import { chooseLayout, istioLayout, kubernetesTlsLayout, type Layout, requiredFiles } from './layout.ts';

const maxFileBytes = 1024 * 1024;

interface FileContent {
  readonly text: string;
  readonly mode: number;
}

/** True when the directory holds at least one file of either layout, so that plugging in was meant. */
export async function holdsPluggedFiles(directory: string): Promise<boolean> {
  return chooseLayout(await namesIn(directory)) !== undefined;
}

/** Reads one version of the directory. Throws CACERTS_INCOMPLETE, CACERTS_UNREADABLE. */
export async function readPluggedDirectory(directory: string): Promise<PluggedFiles> {
  const version = await currentVersion(directory);
  const present = await namesIn(version);
  const layout = chooseLayout(present);
  if (layout === undefined) throw incomplete(directory, [...requiredFiles(istioLayout)]);
  const missing = requiredFiles(layout).filter((name) => !present.has(name));
  if (missing.length > 0) throw incomplete(directory, missing);
  const wanted = [...requiredFiles(layout), ...(layout.crl !== undefined ? [layout.crl] : [])];
  const contents = new Map<string, FileContent>();
  for (const name of wanted) if (present.has(name)) contents.set(name, await readFile(version, name));
  return assemble(directory, layout, contents);
}

/** The kubelet swaps the symlink `..data` to a new directory: reading through its target gives one whole version. */
async function currentVersion(directory: string): Promise<string> {
  try {
    return await realpath(join(directory, '..data'));
  } catch {
    return directory;
  }
}

async function namesIn(directory: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(directory));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return new Set();
    throw authorityErrors.CACERTS_UNREADABLE({
      message: `the directory \`${directory}\` cannot be read (${code ?? 'unknown error'})`,
      cause,
    });
  }
}

async function readFile(directory: string, name: string): Promise<FileContent> {
  try {
    const file = await open(join(directory, name), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new Error('not a regular file');
      if (stats.size > maxFileBytes) throw new Error(`larger than ${maxFileBytes} bytes`);
      return { text: await file.readFile('utf8'), mode: stats.mode & 0o777 };
    } finally {
      await file.close();
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw authorityErrors.CACERTS_UNREADABLE({
      message: `\`${name}\` cannot be read (${code ?? message})`,
      cause,
    });
  }
}

function assemble(
  directory: string,
  layout: Layout,
  contents: ReadonlyMap<string, FileContent>,
): PluggedFiles {
  const text = (name: string) => contents.get(name)?.text ?? '';
  const keyMode = contents.get(layout.key)?.mode ?? 0;
  const looseKey = `the signing key ${join(directory, layout.key)} can be read by others (mode 0${keyMode.toString(8)})`;
  return {
    layout: layout.kind,
    signingCertificatePem: text(layout.certificate),
    signingKeyPem: text(layout.key),
    chainPem: layout.chain.map((name) => `${text(name)}\n`).join(''),
    rootsPem: text(layout.roots),
    crlPem: layout.crl === undefined ? undefined : contents.get(layout.crl)?.text,
    names: {
      certificate: layout.certificate,
      key: layout.key,
      chain: layout.chain.join(' + '),
      roots: layout.roots,
      crl: layout.crl ?? 'ca-crl.pem',
    },
    warnings: (keyMode & 0o077) === 0 ? [] : [looseKey],
  };
}

function incomplete(directory: string, missing: readonly string[]) {
  const list = missing.map((name) => `\`${name}\``).join(', ');
  const layouts = [istioLayout, kubernetesTlsLayout]
    .map((layout) => requiredFiles(layout).join(' '))
    .join(' or ');
  return authorityErrors.CACERTS_INCOMPLETE({
    message: `incomplete signing CA bundle: \`${directory}\` lacks ${list} (it needs ${layouts})`,
    details: { missing: missing.join(',') },
  });
}
