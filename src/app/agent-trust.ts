import { readFileSync } from 'node:fs';
import { fetchPinnedRoots, type ServerAddress } from '../adapters/agent-link/index.ts';
import { parseCertificatesPem } from '../x509/index.ts';
import { appErrors } from './errors.ts';
import type { Settings } from './settings/index.ts';

/** D25: a bundle file or a fingerprint, and never the first that answers. */
export async function firstRoots(
  { agent }: Settings,
  address: ServerAddress,
  now: number,
): Promise<readonly Uint8Array[]> {
  const { bundleFile, rootFingerprint } = agent;
  if (bundleFile !== undefined) {
    const roots = parseCertificatesPem(readFileSync(bundleFile, 'utf8')).map(({ der }) => der);
    if (roots.length > 0) return roots;
    throw appErrors.AGENT_TRUST_MISSING({ message: `there is no certificate in \`${bundleFile}\`` });
  }
  if (rootFingerprint === undefined) throw appErrors.AGENT_TRUST_MISSING();
  return await fetchPinnedRoots(address, rootFingerprint, now);
}
