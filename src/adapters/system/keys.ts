import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyMaker } from '../../agent/index.ts';
import { localSigner } from '../../x509/index.ts';

const generate = promisify(generateKeyPair);

/** P-256 keys that live in memory. */
export const systemKeys: KeyMaker = {
  async make() {
    const { privateKey } = await generate('ec', { namedCurve: 'P-256' });
    const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
    return { signer: localSigner(privateKey), privateKeyPkcs8: new Uint8Array(pkcs8) };
  },
};
