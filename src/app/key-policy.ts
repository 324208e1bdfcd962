import { readFileSync } from 'node:fs';
import type { KeyPolicy } from '../x509/index.ts';
import { appErrors } from './errors.ts';
import type { Settings } from './settings/index.ts';

/** Which public keys may be certified. */
export function keyPolicyOf({ csr }: Settings): KeyPolicy {
  const blockedSpki =
    csr.blockedKeysFile === undefined ? new Set<string>() : readBlockedKeys(csr.blockedKeysFile);
  return { allowEd25519: csr.allowEd25519, blockedSpki };
}

function readBlockedKeys(file: string): ReadonlySet<string> {
  const lines = readFileSync(file, 'utf8').split('\n');
  const blocked = new Set<string>();
  for (const [i, line] of lines.entries()) {
    const text = (line.split('#')[0] ?? '').trim().toLowerCase();
    if (text === '') continue;
    if (!/^[0-9a-f]{64}$/.test(text))
      throw appErrors.BLOCKED_KEYS_MALFORMED({ message: `\`${file}\` line ${i + 1} is not a SHA-256` });
    blocked.add(text);
  }
  return blocked;
}
