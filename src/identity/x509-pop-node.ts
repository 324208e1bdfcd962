import type { TrustDomain } from '../spiffe/index.ts';
import type { Certificate, InvalidPath } from '../x509/index.ts';
import { commonNameOf } from '../x509/index.ts';
import { type NodeAttestation, type NodeAttestor, rejectNode } from './node-attestation.ts';
import { nodeId } from './node-id.ts';
import { proofMessage, verifyProof } from './proof-of-possession.ts';

/** What of a machine certificate names its agent. */
export type MachineName = 'fingerprint' | 'common-name' | 'dns-name';

export interface X509PopOptions {
  readonly trustDomain: TrustDomain;
  readonly name: MachineName;
  /** Judges the certificates against the authorities of machines, as of now. */
  readonly validate: (
    chainDer: readonly Uint8Array[],
  ) => { readonly ok: true; readonly leaf: Certificate; readonly path: readonly Certificate[] } | InvalidPath;
  readonly nonce: () => Uint8Array;
}

/**
 * A machine certificate from an authority that the operator named, and a signature with its key over a nonce of ours
 * and the CSR (D12). The nonce lives in this one call, so it is good once.
 */
export function x509PopNodeAttestor(options: X509PopOptions): NodeAttestor<'x509pop'> {
  return {
    method: 'x509pop',
    async attest({ chainDer }, { csrDer, challenge }): Promise<NodeAttestation> {
      const verdict = options.validate(chainDer);
      if (!verdict.ok) return rejectNode(`machine-certificate-${verdict.reason}`, verdict.detail);
      const { leaf, path } = verdict;
      const name = nameOf(leaf, options.name);
      const id = name === undefined ? undefined : nodeId(options.trustDomain, 'x509pop', name);
      if (id === undefined)
        return rejectNode(
          'machine-name-unusable',
          `the certificate has no ${options.name} that names a node`,
        );
      const nonce = options.nonce();
      const signature = await challenge(nonce);
      if (!verifyProof(leaf.publicKey.keyObject, proofMessage(nonce, csrDer), signature))
        return rejectNode('proof-of-possession-failed', 'the signature is not one of the machine key');
      return { outcome: 'accepted', id, selectors: selectorsOf(leaf, path) };
    },
  };
}

/** Exactly one, in full: nothing is left out or guessed to make a name fit (D11). */
function nameOf(leaf: Certificate, name: MachineName): string | undefined {
  if (name === 'fingerprint') return leaf.sha256;
  if (name === 'common-name') return commonNameOf(leaf.subjectDer);
  const names = leaf.san?.dnsNames ?? [];
  return names.length === 1 ? names[0] : undefined;
}

function selectorsOf(leaf: Certificate, path: readonly Certificate[]): readonly string[] {
  const commonName = commonNameOf(leaf.subjectDer);
  return [
    `x509pop:fingerprint:${leaf.sha256}`,
    `x509pop:serial:${leaf.serial}`,
    ...(commonName === undefined ? [] : [`x509pop:subject:cn:${commonName}`]),
    ...(leaf.san?.dnsNames ?? []).map((name) => `x509pop:san:dns:${name}`),
    ...path.slice(1).map(({ sha256 }) => `x509pop:ca:fingerprint:${sha256}`),
  ];
}
