import type { PeerTrust } from '../../../src/operations/check-request/index.ts';
import type { AuthzRequest } from '../../../src/policy/index.ts';
import { formatCertificatePem } from '../../../src/x509/index.ts';
import { day, hour, makeLeaf, makePki, newKey, type TestPki } from '../pki.ts';

export interface PeerCredentials {
  readonly cert: string;
  readonly key: string;
}

/** Whom the server's deny list has to hold. */
export const revokedPeer = 'spiffe://cluster.local/ns/any/sa/revoked';

/** Certificates for whoever the corpus names as caller, each by the authority of its trust domain. */
export class VectorPeers {
  readonly #pkis = new Map<string, Promise<TestPki>>();
  readonly #ready = new Map<string, TestPki>();
  readonly #made = new Map<string, Promise<PeerCredentials>>();
  #revision = 0;

  /** What a server that knows all these authorities judges by. */
  readonly trust: PeerTrust = {
    rootsFor: (trustDomain) => {
      const pki = this.#ready.get(trustDomain);
      return pki === undefined ? undefined : [pki.root.certificate];
    },
    knownIssuers: () => [...this.#ready.values()].map(({ intermediate }) => intermediate.certificate),
    crls: () => [],
    revision: () => this.#revision,
  };

  /** Undefined: the caller shows none. */
  of({ peer, peerProblem }: AuthzRequest['connection']): Promise<PeerCredentials> | undefined {
    if (peerProblem === 'expired' || peerProblem === 'untrusted-root')
      return this.#make('spiffe://cluster.local/ns/any/sa/any', peerProblem);
    if (peerProblem === 'revoked') return this.#make(revokedPeer, 'good');
    return peer === undefined ? undefined : this.#make(peer.uri, 'good');
  }

  #make(uri: string, kind: 'good' | 'expired' | 'untrusted-root'): Promise<PeerCredentials> {
    const name = `${kind} ${uri}`;
    let made = this.#made.get(name);
    if (made === undefined) {
      made = this.#issue(uri, kind);
      this.#made.set(name, made);
    }
    return made;
  }

  async #issue(uri: string, kind: 'good' | 'expired' | 'untrusted-root'): Promise<PeerCredentials> {
    const trustDomain = uri.slice('spiffe://'.length).split('/')[0] as string;
    const now = Date.now();
    const pki = await (kind === 'untrusted-root' ? makePki({ now }) : this.#pkiOf(trustDomain));
    const key = newKey();
    const times =
      kind === 'expired'
        ? { notBefore: now - 2 * day, notAfter: now - day }
        : { notBefore: now - 60_000, notAfter: now + hour };
    const { certificate } = await makeLeaf(pki.intermediate, uri, { key, ...times });
    return {
      cert: formatCertificatePem(certificate.der),
      key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    };
  }

  async #pkiOf(trustDomain: string): Promise<TestPki> {
    let making = this.#pkis.get(trustDomain);
    if (making === undefined) {
      making = makePki({ now: Date.now() - 3 * day, trustDomain });
      this.#pkis.set(trustDomain, making);
    }
    const pki = await making;
    if (!this.#ready.has(trustDomain)) {
      this.#ready.set(trustDomain, pki);
      this.#revision++;
    }
    return pki;
  }
}
