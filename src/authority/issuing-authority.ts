import type { Clock } from '../base/clock.ts';
import { isCastellanError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { SpiffeId, TrustBundle, TrustDomain } from '../spiffe/index.ts';
import {
  type Certificate,
  type Crl,
  formatCertificatePem,
  issueLeaf,
  type LeafProfile,
  type LeafRequest,
} from '../x509/index.ts';
import type { Authority, Issuance, IssueForKeyRequest, IssueRequest } from './authority.ts';
import type { RevocationList, RevokedLeaf } from './crl-keeper.ts';
import { authorityErrors } from './errors.ts';
import { rotationState } from './journal.ts';
import { type JwtSettings, type JwtSvid, type JwtSvidRequest, mintWith } from './jwt-authority.ts';
import { planLifetime } from './lifetime.ts';
import { Listeners } from './listeners.ts';
import type { SerialSource } from './ports.ts';
import { type LeafPolicy, profileFor } from './profile.ts';
import { type AuthorityVerdicts, verdictsOf } from './rotation/verdicts.ts';
import { type RotationControl, SourceRotation } from './rotation-control.ts';
import type { SigningSource, SigningState, StateChange } from './signing-state.ts';
import { type AuthorityStatus, describeSource } from './status.ts';

/** X.520 ub-common-name. */
const maxCommonName = 64;

export interface IssuingParts {
  readonly trustDomain: TrustDomain;
  readonly source: SigningSource;
  readonly policy: LeafPolicy;
  readonly jwt: JwtSettings;
  readonly serials: SerialSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Issues under whatever its source says signs now. */
export class IssuingAuthority implements Authority {
  readonly trustDomain: TrustDomain;
  readonly rotation: RotationControl;
  readonly #parts: IssuingParts;
  readonly #bundleListeners: Listeners<TrustBundle>;
  readonly #issuerListeners: Listeners<string>;
  readonly #crlListeners: Listeners<undefined>;
  readonly #verdictListeners: Listeners<AuthorityVerdicts>;
  readonly #subscription: Disposable;
  readonly #profile: LeafProfile;
  readonly #profileWithNames: LeafProfile;

  constructor(parts: IssuingParts) {
    this.trustDomain = parts.trustDomain;
    this.#parts = parts;
    this.rotation = new SourceRotation(parts.source);
    this.#bundleListeners = new Listeners(parts.logger);
    this.#issuerListeners = new Listeners(parts.logger);
    this.#crlListeners = new Listeners(parts.logger);
    this.#verdictListeners = new Listeners(parts.logger);
    this.#profile = profileFor(parts.trustDomain, parts.policy, false);
    this.#profileWithNames = profileFor(parts.trustDomain, parts.policy, true);
    this.#subscription = parts.source.onChange((change) => this.#passOn(change));
  }

  issue({ csr, ...options }: IssueRequest): Promise<Issuance> {
    return this.issueForKey({ ...options, publicKey: csr.publicKey });
  }

  async issueForKey(request: IssueForKeyRequest): Promise<Issuance> {
    const { policy, serials, clock } = this.#parts;
    const state = await this.#stateThatSigns();
    const now = clock.now();
    const lifetime = planLifetime(policy, request.requestedTtlSeconds, state.signsUntil, now);
    const leaf: LeafRequest = {
      spkiDer: request.publicKey.spkiDer,
      spiffeId: request.spiffeId,
      notBefore: lifetime.notBefore,
      notAfter: lifetime.notAfter,
      serial: serials.next(),
      ...(request.dnsNames === undefined ? {} : { dnsNames: request.dnsNames }),
      ...(request.ips === undefined ? {} : { ips: request.ips }),
      ...commonNameOf(request.spiffeId, request.commonNameWanted === true),
    };
    const hasOtherNames = (request.dnsNames?.length ?? 0) + (request.ips?.length ?? 0) > 0;
    const profile = hasOtherNames ? this.#profileWithNames : this.#profile;
    try {
      const { der, serial, notBefore, notAfter } = await issueLeaf(state.issuer, profile, leaf, now);
      return {
        serial,
        der,
        chainPem: chainOf(der, state),
        notBefore,
        notAfter,
        shortenedToIssuer: lifetime.shortenedToIssuer,
        issuerKeyId: state.issuerId,
      };
    } catch (error) {
      throw explainFailure(error);
    }
  }

  async mintJwtSvid(request: JwtSvidRequest): Promise<JwtSvid> {
    const { source, clock, jwt } = this.#parts;
    const now = clock.now();
    if (now >= source.current().jwt.key.notAfter) await source.checkNow();
    try {
      return await mintWith(source.current().jwt, jwt, { request, now });
    } catch (error) {
      throw explainFailure(error);
    }
  }

  bundle(): TrustBundle {
    return this.#parts.source.current().bundle;
  }

  rootsPem(): string {
    return this.#parts.source.current().rootsPem;
  }

  roots(): readonly Certificate[] {
    return this.#parts.source.current().roots;
  }

  knownIssuers(): readonly Certificate[] {
    const now = this.#parts.clock.now();
    return this.#parts.source
      .current()
      .authorities.filter(({ isRevoked }) => isRevoked !== true)
      .map((entry) => entry.certificate)
      .filter((certificate) => now <= certificate.notAfter);
  }

  crls(): readonly Crl[] {
    return this.#parts.source.current().crls;
  }

  revocationLists(): readonly RevocationList[] {
    return this.#parts.source.revocationLists();
  }

  setRevokedLeaves(leaves: readonly RevokedLeaf[]): Promise<void> {
    return this.#parts.source.setRevokedLeaves(leaves);
  }

  verdicts(): AuthorityVerdicts {
    return verdictsOf(this.#parts.source.rotationState());
  }

  onCrlChange(listener: () => void): Disposable {
    return this.#crlListeners.add(listener);
  }

  onVerdictChange(listener: (verdicts: AuthorityVerdicts) => void): Disposable {
    return this.#verdictListeners.add(listener);
  }

  status(): AuthorityStatus {
    return describeSource(this.#parts.source, this.#parts.clock.now());
  }

  checkNow(): Promise<void> {
    return this.#parts.source.checkNow();
  }

  onBundleChange(listener: (bundle: TrustBundle) => void): Disposable {
    return this.#bundleListeners.add(listener);
  }

  onIssuerChange(listener: (issuerId: string) => void): Disposable {
    return this.#issuerListeners.add(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription[Symbol.dispose]();
    await this.#parts.source.close();
  }

  /** After a long sleep the timer may not have come round yet: look before refusing. */
  async #stateThatSigns(): Promise<SigningState> {
    const { source, clock } = this.#parts;
    if (clock.now() >= source.current().signsUntil) await source.checkNow();
    return source.current();
  }

  #passOn({ before, after }: StateChange): void {
    if (before.bundle.sequence !== after.bundle.sequence) this.#bundleListeners.tell(after.bundle);
    if (before.crls !== after.crls) this.#crlListeners.tell(undefined);
    const verdicts = verdictsOf(rotationState(after.journal));
    if (JSON.stringify(verdicts) !== JSON.stringify(verdictsOf(rotationState(before.journal))))
      this.#verdictListeners.tell(verdicts);
    const isSameIssuer =
      before.issuer.certificate.sha256 === after.issuer.certificate.sha256 &&
      before.middlePem.join('') === after.middlePem.join('');
    if (!isSameIssuer) this.#issuerListeners.tell(after.issuerId);
  }
}

/** Leaf, then each middle certificate as a string of its own, then all roots as one string; nothing empty. */
function chainOf(leafDer: Uint8Array, state: SigningState): readonly string[] {
  const chain = [formatCertificatePem(leafDer), ...state.middlePem];
  if (state.rootsPem !== '') chain.push(state.rootsPem);
  return chain;
}

function commonNameOf(id: SpiffeId, wanted: boolean): { commonName?: string } {
  return wanted && id.uri.length <= maxCommonName ? { commonName: id.uri } : {};
}

/** Faults of ours become the one code that Istio's metrics know; what is wrong with the request stays as it is. */
function explainFailure(error: unknown): unknown {
  if (isCastellanError(error) && error.kind !== 'internal') return error;
  return authorityErrors.CERT_GEN_ERROR({ cause: error });
}
