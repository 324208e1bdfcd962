import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import type { Secret } from '../../base/secret.ts';

/** 2^17: 128 MiB and a third of a second for every guess. */
export const scryptCost = 2 ** 17;
const blockSize = 8;
const maxCost = 2 ** 20;
const ivBytes = 12;
const tagBytes = 16;
const saltBytes = 16;
const magic = 'castellan-key/1 ';

interface Header {
  readonly name: string;
  readonly kdf: 'scrypt';
  readonly n: number;
  readonly r: number;
  readonly p: number;
  readonly salt: string;
  readonly cipher: 'aes-256-gcm';
  readonly iv: string;
}

/**
 * Seals keys with a passphrase: scrypt → AES-256-GCM over PKCS#8. The file is a header line and a body line; the
 * header, which holds the key's name, is authenticated too, so a file cannot be passed off under another name.
 */
export class PassphraseLock {
  readonly #passphrase: Secret;
  readonly #cost: number;
  readonly #derived = new Map<string, Promise<Buffer>>();
  /** New keys share the salt of the first: one derivation at start instead of one a key. Each has its own IV. */
  #salt: string | undefined;
  #derivations = 0;

  constructor(passphrase: Secret, cost = scryptCost) {
    this.#passphrase = passphrase;
    this.#cost = cost;
  }

  /** How often scrypt ran: every failed opening costs exactly one run, whatever is wrong (S17). */
  get derivations(): number {
    return this.#derivations;
  }

  async seal(name: string, pkcs8: Uint8Array): Promise<string> {
    const salt = (this.#salt ??= randomBytes(saltBytes).toString('base64'));
    const iv = randomBytes(ivBytes);
    const header: Header = {
      name,
      kdf: 'scrypt',
      n: this.#cost,
      r: blockSize,
      p: 1,
      salt,
      cipher: 'aes-256-gcm',
      iv: iv.toString('base64'),
    };
    const line = magic + JSON.stringify(header);
    const cipher = createCipheriv('aes-256-gcm', await this.#derive(salt, this.#cost), iv);
    cipher.setAAD(Buffer.from(line));
    const body = Buffer.concat([cipher.update(pkcs8), cipher.final(), cipher.getAuthTag()]);
    return `${line}\n${body.toString('base64')}\n`;
  }

  /** The PKCS#8 bytes, or undefined: why it failed is not told (S17). */
  async unseal(name: string, text: string): Promise<Buffer | undefined> {
    const parts = splitSealed(text);
    if (parts === undefined || parts.header.name !== name) {
      await this.#runScrypt(randomBytes(saltBytes), this.#cost);
      return undefined;
    }
    const { header, line, body } = parts;
    const key = await this.#derive(header.salt, header.n);
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(header.iv, 'base64'), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(Buffer.from(line));
      decipher.setAuthTag(body.subarray(-tagBytes));
      const opened = Buffer.concat([decipher.update(body.subarray(0, -tagBytes)), decipher.final()]);
      this.#salt ??= header.n === this.#cost ? header.salt : undefined;
      return opened;
    } catch {
      this.#derived.delete(`${header.n}/${header.salt}`);
      return undefined;
    }
  }

  #derive(salt: string, cost: number): Promise<Buffer> {
    const id = `${cost}/${salt}`;
    const known = this.#derived.get(id);
    if (known !== undefined) return known;
    const derived = this.#runScrypt(Buffer.from(salt, 'base64'), cost);
    this.#derived.set(id, derived);
    return derived;
  }

  #runScrypt(salt: Uint8Array, cost: number): Promise<Buffer> {
    this.#derivations++;
    const options = { N: cost, r: blockSize, p: 1, maxmem: 256 * cost * blockSize };
    return new Promise((resolve, reject) => {
      scrypt(this.#passphrase.reveal().normalize('NFC'), salt, 32, options, (error, key) =>
        error === null ? resolve(key) : reject(error),
      );
    });
  }
}

export function isSealed(text: string): boolean {
  return text.startsWith('castellan-key/');
}

function splitSealed(text: string): { header: Header; line: string; body: Buffer } | undefined {
  const [line = '', encoded = '', ...rest] = text.split('\n');
  if (!line.startsWith(magic) || rest.length !== 1 || rest[0] !== '') return undefined;
  const header = parseHeader(line.slice(magic.length));
  const body = Buffer.from(encoded, 'base64');
  // One spelling only: a flipped bit in the padding must not go unseen.
  if (header === undefined || body.length <= tagBytes || body.toString('base64') !== encoded)
    return undefined;
  return { header, line, body };
}

function parseHeader(json: string): Header | undefined {
  let value: Partial<Record<keyof Header, unknown>> | null;
  try {
    value = JSON.parse(json) as typeof value;
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { name, kdf, n, r, p, salt, cipher, iv } = value;
  const costIsSane =
    typeof n === 'number' &&
    Number.isInteger(Math.log2(n)) &&
    n >= 2 ** 10 &&
    n <= maxCost &&
    r === blockSize;
  if (!costIsSane || p !== 1 || kdf !== 'scrypt' || cipher !== 'aes-256-gcm' || typeof name !== 'string')
    return undefined;
  if (!isBase64Of(salt, saltBytes) || !isBase64Of(iv, ivBytes)) return undefined;
  return { name, kdf, n, r, p, salt, cipher, iv };
}

function isBase64Of(value: unknown, length: number): value is string {
  if (typeof value !== 'string') return false;
  const bytes = Buffer.from(value, 'base64');
  return bytes.length === length && bytes.toString('base64') === value;
}
