import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPluggedDirectory } from '../adapters/cacerts/index.ts';
import {
  authorityId,
  compareRoots,
  type PluggedFiles,
  type PluggedMaterial,
  parsePluggedMaterial,
} from '../authority/index.ts';
import { formatCertificatePem } from '../x509/index.ts';
import { appErrors } from './errors.ts';

export interface StageRequest {
  /** Directories as a CA is plugged in: what signs now, and what shall. */
  readonly from: string;
  readonly to: string;
  /** Is made, and must not be there yet. */
  readonly out: string;
  readonly now: number;
}

export interface StagedStep {
  readonly name: string;
  readonly directory: string;
  readonly roots: number;
  readonly signsBelow: string;
}

/**
 * R3: the sets between a plugged-in CA and its successor, each complete and checked as the server checks it: the old
 * signer with both roots, the new signer with both roots, the new signer with its own. In the layout of `cacerts`.
 *
 * @throws STAGE_IN_THE_WAY, STAGE_NOT_NEEDED, and what is wrong with either set (CACERTS_*).
 */
export async function stageRoots({ from, to, out, now }: StageRequest): Promise<readonly StagedStep[]> {
  if (existsSync(out)) throw appErrors.STAGE_IN_THE_WAY({ message: `\`${out}\` is there already` });
  const [oldFiles, newFiles] = [await readPluggedDirectory(from), await readPluggedDirectory(to)];
  const [oldSet, newSet] = [parsePluggedMaterial(oldFiles, now), parsePluggedMaterial(newFiles, now)];
  if (compareRoots(oldSet.roots, newSet.roots) === 'same') throw appErrors.STAGE_NOT_NEEDED();
  const both = bothRoots(oldSet, newSet);
  const crls = newFiles.crlPem === undefined ? undefined : `${oldFiles.crlPem ?? ''}${newFiles.crlPem}`;
  const sets: readonly (readonly [string, PluggedFiles])[] = [
    ['1-publish', { ...oldFiles, rootsPem: both }],
    ['2-activate', { ...newFiles, rootsPem: both, crlPem: crls }],
    ['3-retire', newFiles],
  ];
  const steps = sets.map(([name, files]): StagedStep => {
    const { roots, root } = parsePluggedMaterial(files, now);
    return { name, directory: join(out, name), roots: roots.length, signsBelow: authorityId(root) };
  });
  const unfinished = `${out}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  for (const [name, files] of sets) await writeSet(join(unfinished, name), files);
  await rename(unfinished, out);
  return steps;
}

function bothRoots(oldSet: PluggedMaterial, newSet: PluggedMaterial): string {
  const all = new Map([...oldSet.roots, ...newSet.roots].map((root) => [root.sha256, root]));
  return [...all.values()].map(({ der }) => formatCertificatePem(der)).join('');
}

async function writeSet(directory: string, files: PluggedFiles): Promise<void> {
  await mkdir(directory, { mode: 0o700 });
  const texts: readonly (readonly [string, string | undefined])[] = [
    ['ca-cert.pem', files.signingCertificatePem],
    ['ca-key.pem', files.signingKeyPem],
    ['cert-chain.pem', files.chainPem],
    ['root-cert.pem', files.rootsPem],
    ['ca-crl.pem', files.crlPem],
  ];
  for (const [name, text] of texts) {
    if (text === undefined) continue;
    const file = join(directory, name);
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
    await chmod(file, 0o600);
  }
}
