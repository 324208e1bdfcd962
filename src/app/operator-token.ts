import { existsSync, writeFileSync } from 'node:fs';
import type { Random } from '../base/random.ts';
import { Secret } from '../base/secret.ts';
import { readSecretFile } from './settings/index.ts';

/** The bearer token of the admin API: read from its 0600 file, or made there at the first start. */
export function operatorToken(file: string, random: Random): Secret {
  if (!existsSync(file))
    writeFileSync(file, `${Buffer.from(random.bytes(32)).toString('base64url')}\n`, {
      mode: 0o600,
      flag: 'wx',
    });
  return new Secret(readSecretFile(file));
}
