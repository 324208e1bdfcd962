import type { SpiffeId, TrustDomain } from '../spiffe/index.ts';
import { type Certificate, type PublicKey, parseCertificatesPem, validatePath } from '../x509/index.ts';
import { issuerKeyIds, type NodeView } from './view.ts';

/** Why an answer of the server is not installed. Closed: alarms use these words. */
export type AnswerFault =
  | 'unreadable'
  | 'one_element_chain'
  | 'wrong_identity'
  | 'wrong_names'
  | 'wrong_key'
  | 'untrusted'
  | 'expired';

export interface AcceptedAnswer {
  readonly ok: true;
  /** Leaf first, without roots. */
  readonly chain: readonly Certificate[];
  readonly notAfter: number;
}

export interface RefusedAnswer {
  readonly ok: false;
  readonly fault: AnswerFault;
  readonly detail: string;
}

export interface ExpectedAnswer {
  readonly spiffeId: SpiffeId;
  /** The only ones that it may have. */
  readonly dnsNames: readonly string[];
  readonly publicKey: PublicKey;
  readonly bundles: NodeView['bundles'];
  readonly revokedKeyIds: ReadonlySet<string>;
  readonly now: number;
}

/** S14: the server's clock may be this much ahead of ours. */
const clockSkewMs = 120_000;

/** Whether the chain is what was asked for: our identity, our key, a path to the bundle we hold, not ended. */
export function checkAnswer(
  chainPem: readonly string[],
  expected: ExpectedAnswer,
): AcceptedAnswer | RefusedAnswer {
  if (chainPem.length < 2)
    return refuse('one_element_chain', `the chain has ${chainPem.length} elements, at least 2 are wanted`);
  let chain: Certificate[];
  try {
    chain = chainPem.slice(0, -1).flatMap((pem) => parseCertificatesPem(pem));
  } catch (error) {
    return refuse('unreadable', (error as Error).message);
  }
  const [leaf] = chain;
  if (leaf === undefined) return refuse('unreadable', 'its first element holds no certificate');
  const uris = leaf.san?.uris ?? [];
  if (uris.length !== 1 || uris[0] !== expected.spiffeId.uri)
    return refuse('wrong_identity', `it names \`${uris.join(' ').slice(0, 200)}\``);
  const other = leaf.san?.dnsNames.find((name) => !expected.dnsNames.includes(name));
  if (other !== undefined)
    return refuse('wrong_names', `it names \`${other.slice(0, 200)}\`, which was not asked for`);
  if (leaf.publicKey.spkiSha256 !== expected.publicKey.spkiSha256)
    return refuse('wrong_key', 'it certifies another key than the one of the request');
  return checkPath(chain, leaf, expected);
}

function checkPath(
  chain: readonly Certificate[],
  leaf: Certificate,
  { bundles, now, revokedKeyIds }: ExpectedAnswer,
): AcceptedAnswer | RefusedAnswer {
  const begun = leaf.notBefore > now && leaf.notBefore - now <= clockSkewMs ? leaf.notBefore : now;
  for (const purpose of ['client', 'server'] as const) {
    const verdict = validatePath(
      chain.map(({ der }) => der),
      { now: begun, purpose, rootsFor: (domain: TrustDomain) => bundles.get(domain)?.roots },
    );
    if (!verdict.ok) {
      const fault = verdict.reason === 'expired' ? 'expired' : 'untrusted';
      return refuse(fault, `${verdict.reason}: ${verdict.detail}`);
    }
  }
  const revoked = issuerKeyIds(chain).find((keyId) => revokedKeyIds.has(keyId));
  if (revoked !== undefined) return refuse('untrusted', `the authority \`${revoked}\` is revoked`);
  return { ok: true, chain, notAfter: Math.min(...chain.map(({ notAfter }) => notAfter)) };
}

const refuse = (fault: AnswerFault, detail: string): RefusedAnswer => ({ ok: false, fault, detail });
