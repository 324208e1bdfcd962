import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { utf8 } from '../../base/bytes.ts';
import type { AuditHead, CheckpointSigner, CheckpointVerifier } from '../ports/audit.ts';
import { canonicalJson } from './canonical.ts';

/** A signed statement that the chain ended so at that moment, kept outside the database. */
export interface Checkpoint extends AuditHead {
  readonly version: 1;
  readonly instance: string;
  readonly epoch: number;
  readonly at: number;
  readonly keyId: string;
  /** base64url, Ed25519 over `checkpointMessage`. */
  readonly signature: string;
}

type Unsigned = Omit<Checkpoint, 'signature'>;

/** The signed bytes: a label, so that the signature means nothing elsewhere, and the canonical JSON. */
export function checkpointMessage(unsigned: Unsigned): Uint8Array {
  const { version, instance, epoch, sequence, hash, at, keyId } = unsigned;
  const json = canonicalJson({ version, instance, epoch, sequence, hash, at, keyId });
  return utf8(`castellan audit checkpoint\n${json}`);
}

export async function signCheckpoint(
  head: AuditHead,
  origin: { readonly instance: string; readonly epoch: number; readonly at: number },
  signer: CheckpointSigner,
): Promise<Checkpoint> {
  const { instance, epoch, at } = origin;
  const { sequence, hash } = head;
  const unsigned: Unsigned = { version: 1, instance, epoch, sequence, hash, at, keyId: signer.keyId };
  const signature = await signer.sign(checkpointMessage(unsigned));
  return { ...unsigned, signature: Buffer.from(signature).toString('base64url') };
}

/** One line of the checkpoint file. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  return canonicalJson({ ...checkpoint });
}

/** Undefined when the line is no checkpoint or its signature does not hold. */
export function parseCheckpoint(line: string, verifier: CheckpointVerifier): Checkpoint | undefined {
  const read = parseShape(line);
  if (read === undefined) return undefined;
  const signature = Buffer.from(read.signature, 'base64url');
  return verifier.verify(read.keyId, checkpointMessage(read), signature) ? read : undefined;
}

/** Signs with the audit key. */
export function ed25519Signer(keyId: string, privateKey: KeyObject): CheckpointSigner {
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new TypeError('the audit key is an Ed25519 key');
  return { keyId, sign: (message) => sign(null, message, privateKey) };
}

/** Accepts signatures of one Ed25519 key. */
export function ed25519Verifier(keyId: string, publicKey: KeyObject): CheckpointVerifier {
  const key = publicKey.type === 'private' ? createPublicKey(publicKey) : publicKey;
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('the audit key is an Ed25519 key');
  return {
    verify: (id, message, signature) => id === keyId && verify(null, message, key, signature),
  };
}

function parseShape(line: string): Checkpoint | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const read = value as Record<string, unknown>;
  const textual = ['instance', 'hash', 'keyId', 'signature'].every((name) => typeof read[name] === 'string');
  const numeric = ['epoch', 'sequence', 'at'].every((name) => Number.isSafeInteger(read[name]));
  return textual && numeric && read.version === 1 ? (read as unknown as Checkpoint) : undefined;
}
