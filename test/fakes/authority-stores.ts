import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { EphemeralKeys, JournalStore, KeyStore, KeyType } from '../../src/authority/index.ts';
import { localSigner, type Signer } from '../../src/x509/index.ts';

/** Says before each durable step whether the machine goes on: a test stops it after any one of them. */
export type Failpoint = (step: string) => void;

const goOn: Failpoint = () => undefined;

export function generateKey(type: KeyType): KeyObject {
  if (type === 'Ed25519') return generateKeyPairSync('ed25519').privateKey;
  if (type === 'P-256' || type === 'P-384') return generateKeyPairSync('ec', { namedCurve: type }).privateKey;
  return generateKeyPairSync('rsa', { modulusLength: Number(type.slice(4)) }).privateKey;
}

/** Keys in memory; what is kept survives a "restart" when the same object is opened again. */
export class FakeKeyStore implements KeyStore {
  readonly keys = new Map<string, Signer>();
  failpoint = goOn;

  async create(name: string, type: KeyType): Promise<Signer> {
    if (this.keys.has(name)) throw new Error(`key ${name} exists`);
    this.failpoint(`before key ${name}`);
    const signer = localSigner(generateKey(type));
    this.keys.set(name, signer);
    this.failpoint(`after key ${name}`);
    return signer;
  }

  async open(name: string): Promise<Signer | undefined> {
    return this.keys.get(name);
  }

  async remove(name: string): Promise<void> {
    this.failpoint(`before removing ${name}`);
    this.keys.delete(name);
    this.failpoint(`after removing ${name}`);
  }
}

export class FakeJournalStore implements JournalStore {
  text: string | undefined;
  failpoint = goOn;

  async read(): Promise<string | undefined> {
    return this.text;
  }

  async write(text: string): Promise<void> {
    this.failpoint('before journal');
    this.text = text;
    this.failpoint('after journal');
  }
}

export const fakeEphemeralKeys: EphemeralKeys = {
  async generate(type) {
    const key = generateKey(type);
    return {
      signer: localSigner(key),
      privateKeyPem: key.export({ format: 'pem', type: 'pkcs8' }) as string,
    };
  },
};
