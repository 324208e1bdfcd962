import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { NodeIdentity, NodeStore, RawBundle, RawUpdate } from '../../agent/index.ts';
import { parseCertificate, publicKeyOf } from '../../x509/index.ts';
import { removeLeftovers, writeDurably } from './durable-write.ts';
import { keyStoreErrors } from './errors.ts';
import { checkDirectory, effectiveUid, readGuarded } from './guarded-read.ts';

const identityFile = 'node.json';
const snapshotFile = 'snapshot.json';
const maxIdentityBytes = 256 * 1024;
const maxSnapshotBytes = 256 * 1024 * 1024;

/**
 * What an agent keeps (D27): `node.json`, its own key and certificate in one file so that neither is ever there without
 * the other, and `snapshot.json`, the last that its server told it. Both 0600 in a directory of mode 0700, replaced whole.
 */
export async function openAgentDirectory(directory: string): Promise<NodeStore> {
  const path = resolve(directory);
  await mkdir(path, { recursive: true, mode: 0o700 });
  await checkDirectory(path, effectiveUid());
  await removeLeftovers(path);
  const read = async (name: string, maxBytes: number) => {
    const content = await readGuarded(join(path, name), { maxBytes, uid: effectiveUid() });
    return content?.toString('utf8');
  };
  const write = (name: string, text: string) => writeDurably(join(path, name), text, { exclusive: false });
  return {
    async loadIdentity() {
      const text = await read(identityFile, maxIdentityBytes);
      return text === undefined ? undefined : parseIdentity(text, join(path, identityFile));
    },
    saveIdentity: (identity) => write(identityFile, formatIdentity(identity)),
    async loadUpdate() {
      const text = await read(snapshotFile, maxSnapshotBytes);
      if (text === undefined) return undefined;
      try {
        return reviveUpdate(JSON.parse(text) as PlainUpdate);
      } catch {
        // It is told again by the server: nothing is lost but the time until then.
        return undefined;
      }
    },
    saveUpdate: (update) => write(snapshotFile, JSON.stringify(plainUpdate(update))),
  };
}

interface PlainIdentity {
  readonly agentId: string;
  readonly chain: readonly string[];
  readonly privateKey: string;
}

function formatIdentity({ agentId, chainDer, privateKeyPkcs8 }: NodeIdentity): string {
  const plain: PlainIdentity = {
    agentId,
    chain: chainDer.map(toBase64),
    privateKey: toBase64(privateKeyPkcs8),
  };
  return JSON.stringify(plain);
}

/** A file that is not what we wrote stops the start: guessing here would mean to attest behind somebody's back. */
function parseIdentity(text: string, path: string): NodeIdentity {
  try {
    const { agentId, chain, privateKey } = JSON.parse(text) as PlainIdentity;
    const identity = { agentId, chainDer: chain.map(fromBase64), privateKeyPkcs8: fromBase64(privateKey) };
    const key = createPrivateKey({
      key: Buffer.from(identity.privateKeyPkcs8),
      format: 'der',
      type: 'pkcs8',
    });
    const leaf = parseCertificate(identity.chainDer[0] ?? new Uint8Array(0));
    if (publicKeyOf(createPublicKey(key)).spkiSha256 !== leaf.publicKey.spkiSha256)
      throw new TypeError('key and certificate do not belong together');
    return identity;
  } catch (cause) {
    throw keyStoreErrors.NODE_IDENTITY_DAMAGED({ message: `\`${path}\` is damaged`, cause });
  }
}

type PlainBundle = Omit<RawBundle, 'sequence' | 'rootsDer' | 'crlsDer' | 'knownIssuersDer'> & {
  readonly sequence: string;
  readonly roots: readonly string[];
  readonly crls: readonly string[];
  readonly knownIssuers: readonly string[];
};

type PlainUpdate = Omit<RawUpdate, 'bundles' | 'policy'> & {
  readonly bundles?: readonly PlainBundle[];
  readonly policy?: { readonly revision: string; readonly json: string };
};

function plainUpdate({ bundles, policy, ...rest }: RawUpdate): PlainUpdate {
  return {
    ...rest,
    ...(bundles === undefined
      ? {}
      : {
          bundles: bundles.map(({ rootsDer, crlsDer, knownIssuersDer, sequence, ...one }) => ({
            ...one,
            sequence: sequence.toString(),
            roots: rootsDer.map(toBase64),
            crls: crlsDer.map(toBase64),
            knownIssuers: knownIssuersDer.map(toBase64),
          })),
        }),
    ...(policy === undefined ? {} : { policy: { revision: policy.revision, json: toBase64(policy.json) } }),
  };
}

function reviveUpdate({ bundles, policy, ...rest }: PlainUpdate): RawUpdate {
  return {
    ...rest,
    registrations: rest.registrations,
    revocations: rest.revocations,
    bundles: bundles?.map(({ roots, crls, knownIssuers, sequence, ...one }) => ({
      ...one,
      sequence: BigInt(sequence),
      rootsDer: roots.map(fromBase64),
      crlsDer: crls.map(fromBase64),
      knownIssuersDer: knownIssuers.map(fromBase64),
    })),
    policy: policy === undefined ? undefined : { revision: policy.revision, json: fromBase64(policy.json) },
  };
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
