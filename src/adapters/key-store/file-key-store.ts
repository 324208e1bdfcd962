import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EphemeralKeys, KeyStore, KeyType } from '../../authority/index.ts';
import type { Secret } from '../../base/secret.ts';
import { localSigner, type Signer } from '../../x509/index.ts';
import { syncDirectory, writeDurably } from './durable-write.ts';
import { keyStoreErrors } from './errors.ts';
import { effectiveUid, readGuarded } from './guarded-read.ts';
import { isSealed, PassphraseLock } from './passphrase-lock.ts';

/** How keys lie on disk: sealed with a passphrase, or, for development only, as they are. */
export type KeyProtection =
  | { readonly kind: 'passphrase'; readonly passphrase: Secret; readonly scryptCost?: number }
  | { readonly kind: 'none' };

/** What the operator is told when keys are stored unencrypted. */
export const unencryptedNotice =
  'private keys are stored UNENCRYPTED: whoever reads the state directory can sign as this authority; give a passphrase outside of development';

const maxKeyFileBytes = 16 * 1024;
const minPassphraseLength = 8;
const nameShape = /^[a-z][a-z0-9-]{0,63}$/;

/** Keys as files of mode 0600 in one directory of mode 0700: PKCS#8, in AEAD when a passphrase is given. */
export class FileKeyStore implements KeyStore {
  readonly #directory: string;
  readonly #lock: PassphraseLock | undefined;
  readonly #uid: number;
  readonly #passphraseIsUsable: boolean;

  constructor(directory: string, protection: KeyProtection, uid = effectiveUid()) {
    this.#directory = directory;
    this.#uid = uid;
    const sealed = protection.kind === 'passphrase';
    this.#lock = sealed ? new PassphraseLock(protection.passphrase, protection.scryptCost) : undefined;
    this.#passphraseIsUsable = sealed && protection.passphrase.reveal().length >= minPassphraseLength;
  }

  get isEncrypted(): boolean {
    return this.#lock !== undefined;
  }

  async create(name: string, type: KeyType): Promise<Signer> {
    if (this.#lock !== undefined && !this.#passphraseIsUsable)
      throw keyStoreErrors.PASSPHRASE_REFUSED({
        message: `the passphrase is shorter than ${minPassphraseLength} characters`,
      });
    const path = this.#path(name);
    const key = await generateKey(type);
    try {
      await writeDurably(path, await this.#seal(name, key), { exclusive: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST')
        throw keyStoreErrors.KEY_EXISTS({ message: `there is a key \`${name}\` already` });
      throw error;
    }
    return localSigner(key);
  }

  /** Takes over what lay in a key file: a sealed one as it is, a plain one sealed if this store seals. */
  async adopt(name: string, text: string): Promise<void> {
    const content =
      this.#lock === undefined || isSealed(text)
        ? text
        : await this.#seal(name, readKey(name, { key: text, format: 'pem' }));
    await writeDurably(this.#path(name), content, { exclusive: true });
  }

  async open(name: string): Promise<Signer | undefined> {
    const path = this.#path(name);
    const content = await readGuarded(path, { maxBytes: maxKeyFileBytes, uid: this.#uid });
    if (content === undefined) return undefined;
    const text = content.toString('latin1');
    content.fill(0);
    return localSigner(await this.#unseal(name, text));
  }

  async remove(name: string): Promise<void> {
    try {
      await unlink(this.#path(name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await syncDirectory(this.#directory);
  }

  #path(name: string): string {
    if (!nameShape.test(name)) throw new TypeError(`not a key name: ${name}`);
    return join(this.#directory, `${name}.key`);
  }

  async #seal(name: string, key: KeyObject): Promise<string> {
    if (this.#lock === undefined) return key.export({ format: 'pem', type: 'pkcs8' }) as string;
    const pkcs8 = key.export({ format: 'der', type: 'pkcs8' });
    const sealed = await this.#lock.seal(name, pkcs8);
    pkcs8.fill(0);
    return sealed;
  }

  async #unseal(name: string, text: string): Promise<KeyObject> {
    if (this.#lock === undefined) {
      if (isSealed(text)) throw keyStoreErrors.PASSPHRASE_MISSING();
      return readKey(name, { key: text, format: 'pem' });
    }
    if (text.startsWith('-----BEGIN PRIVATE KEY-----'))
      throw keyStoreErrors.KEY_NOT_ENCRYPTED({
        message: `the key \`${name}\` is not encrypted although a passphrase is given`,
      });
    const pkcs8 = await this.#lock.unseal(name, text);
    if (pkcs8 === undefined) throw cannotUnlock(name);
    try {
      return readKey(name, { key: pkcs8, format: 'der', type: 'pkcs8' });
    } finally {
      pkcs8.fill(0);
    }
  }
}

/** Keys that live in memory only, for our own TLS listeners. */
export const ephemeralKeys: EphemeralKeys = {
  async generate(type) {
    const key = await generateKey(type);
    return {
      signer: localSigner(key),
      privateKeyPem: key.export({ format: 'pem', type: 'pkcs8' }) as string,
    };
  },
};

const generatePair = promisify(generateKeyPair);

async function generateKey(type: KeyType): Promise<KeyObject> {
  switch (type) {
    case 'P-256':
    case 'P-384':
      return (await generatePair('ec', { namedCurve: type })).privateKey;
    case 'Ed25519':
      return (await generatePair('ed25519')).privateKey;
    default: {
      const modulusLength = Number(type.slice('RSA-'.length));
      return (await generatePair('rsa', { modulusLength, publicExponent: 65_537 })).privateKey;
    }
  }
}

function readKey(name: string, input: Parameters<typeof createPrivateKey>[0]): KeyObject {
  try {
    return createPrivateKey(input);
  } catch {
    throw cannotUnlock(name);
  }
}

/** One sentence whatever is wrong, and no cause: it would tell passphrase errors from damage (S17). */
function cannotUnlock(name: string) {
  return keyStoreErrors.KEY_CANNOT_UNLOCK({ message: `cannot unlock the key \`${name}\`` });
}
