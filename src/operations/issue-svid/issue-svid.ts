import { asCastellanError, CastellanError } from '../../base/errors.ts';
import { abortable } from '../../base/waiting.ts';
import {
  authenticate,
  type Caller,
  decideImpersonation,
  isNodeId,
  readBearer,
} from '../../identity/index.ts';
import { isReservedId, type SpiffeId } from '../../spiffe/index.ts';
import { type Csr, parseCsrPem } from '../../x509/index.ts';
import { IdempotencyGate } from '../idempotency-gate.ts';
import { RateLimiter, sourceKey } from '../limits/rate-limiter.ts';
import { storeErrors } from '../ports/index.ts';
import { bornOfRegistration } from './certificate-standing.ts';
import { droppedNames, requireModestNames } from './csr-names.ts';
import { csrErrors, signingError } from './errors.ts';
import { type IdempotencyWish, readIdempotencyKey } from './idempotency.ts';
import { attestor, failureOutcome } from './outcome.ts';
import { noteRefusal, type Progress } from './refusal.ts';
import { type SigningOrder, signAndRecord } from './sign-and-record.ts';
import type { IssueSvid, IssueSvidParts, IssueSvidReply, IssueSvidRequest } from './types.ts';

/**
 * The one way to a certificate over the CSR door: who is asking, what may they be, is the CSR sound, sign, record,
 * answer. Throws the errors of csr-api.md §1.4; why a caller was refused goes to the refusal log only.
 */
export function issueSvid(parts: IssueSvidParts): IssueSvid {
  const verb = new IssueSvidVerb(parts);
  return (request) => verb.run(request);
}

interface Entitled {
  readonly caller: Caller;
  readonly spiffeId: SpiffeId;
  /** The identity is one that a registration gives, and ends with it (D9). */
  readonly bornOfRegistration: boolean;
}

class IssueSvidVerb {
  readonly #parts: IssueSvidParts;
  readonly #sources: RateLimiter;
  readonly #identities: RateLimiter;
  readonly #shared = new IdempotencyGate<Signed>();
  #inFlight = 0;

  constructor(parts: IssueSvidParts) {
    this.#parts = parts;
    this.#sources = new RateLimiter(parts.settings.perSource, parts.clock);
    this.#identities = new RateLimiter(parts.settings.perIdentity, parts.clock);
  }

  async run(request: IssueSvidRequest): Promise<IssueSvidReply> {
    const end = this.#parts.metrics.begin();
    const progress: Progress = {};
    this.#inFlight++;
    try {
      const reply = await this.#issue(request, progress);
      end({ result: 'success', reason: 'issued', attestor: attestor(progress.caller?.method) });
      return reply;
    } catch (error) {
      const outcome = failureOutcome(error, attestor(progress.caller?.method));
      end(progress.reason === 'revoked' ? { ...outcome, reason: 'revoked' } : outcome);
      noteRefusal(this.#parts, request, progress, asCastellanError(error));
      throw error;
    } finally {
      this.#inFlight--;
    }
  }

  async #issue(request: IssueSvidRequest, progress: Progress): Promise<IssueSvidReply> {
    this.#limitSource(request);
    this.#limitQueue();
    const keyHash = readIdempotencyKey(request.idempotencyKeys);
    // A join token is used up by looking at it: a CSR that cannot be signed must not cost the caller its token.
    const early = readBearer(request.evidence).kind === 'join' ? this.#parseCsr(request) : undefined;
    const caller = await this.#authenticate(request, progress);
    this.#limitIdentity(caller);
    const entitled = this.#entitle(caller, request, progress);
    const csr = early ?? this.#parseCsr(request);
    const order = this.#order({ request, entitled, csr, progress });
    if (keyHash === undefined) return finish(await this.#sign(order), request);
    return finish(
      await this.#signOnce(order, { keyHash, callerSubject: caller.subject, csrSha256: csr.sha256 }),
      request,
    );
  }

  #limitSource({ evidence }: IssueSvidRequest): void {
    const grant = this.#sources.take(sourceKey(evidence.transport.peerAddress));
    if (grant.granted) return;
    this.#parts.metrics.limitHit('source_rate');
    throw csrErrors.SOURCE_RATE_LIMITED({ retryAfterSeconds: grant.retryAfterSeconds });
  }

  #limitQueue(): void {
    if (this.#inFlight <= this.#parts.settings.maxInFlight) return;
    this.#parts.metrics.limitHit('sign_queue');
    throw csrErrors.ISSUANCE_OVERLOADED({ retryAfterSeconds: 1 });
  }

  #limitIdentity(caller: Caller): void {
    const grant = this.#identities.take(caller.subject);
    if (grant.granted) return;
    this.#parts.metrics.limitHit('identity_rate');
    throw csrErrors.IDENTITY_RATE_LIMITED({ retryAfterSeconds: grant.retryAfterSeconds });
  }

  async #authenticate(request: IssueSvidRequest, progress: Progress): Promise<Caller> {
    const { authenticators, authenticationRules, store } = this.#parts;
    const outcome = await authenticate(authenticators, request.evidence, request.signal, authenticationRules);
    progress.attempts = outcome.attempts;
    if (outcome.outcome !== 'accepted') {
      progress.reason = outcome.reason.endsWith('-revoked') ? 'revoked' : outcome.reason;
      progress.detail = outcome.detail;
      if (outcome.outcome === 'unavailable')
        throw csrErrors.AUTHENTICATION_UNAVAILABLE({ retryAfterSeconds: 1 });
      const isDisagreement = outcome.reason === 'token-disagrees-with-certificate';
      throw isDisagreement ? csrErrors.CREDENTIALS_DISAGREE() : csrErrors.AUTHENTICATION_FAILED();
    }
    const { caller } = outcome;
    progress.caller = caller;
    progress.notes = outcome.notes;
    const revoked = caller.identities.find((id) => store.revocations.isRevoked(undefined, id.uri));
    if (revoked !== undefined) throw this.#refuse(progress, 'revoked', `${revoked.uri} is on the deny list`);
    return caller;
  }

  /** Who the certificate will be for: the caller itself, or the one it may stand in for. */
  #entitle(caller: Caller, request: IssueSvidRequest, progress: Progress): Entitled {
    const { registrations, impersonation, store } = this.#parts;
    const wanted = request.impersonatedIdentity;
    if (wanted === '') return this.#entitleToItself(caller, request, progress);
    const decision = decideImpersonation(caller, wanted, registrations().registry, impersonation);
    if (!decision.allowed) {
      progress.reason = decision.reason;
      progress.detail = decision.detail;
      throw csrErrors.IMPERSONATION_FAILED();
    }
    if (store.revocations.isRevoked(undefined, decision.id.uri))
      throw this.#refuse(progress, 'revoked', `${decision.id.uri} is on the deny list`);
    return {
      caller,
      spiffeId: decision.id,
      bornOfRegistration: registrations().isRegistered(decision.id.uri),
    };
  }

  #entitleToItself(caller: Caller, request: IssueSvidRequest, progress: Progress): Entitled {
    const [own] = caller.identities;
    if (own === undefined) throw this.#refuse(progress, 'no-identity', 'the credential names no identity');
    // D11: only node attestation makes such an identity; its certificate may renew itself.
    if (isReservedId(own) && caller.method !== 'client_cert')
      throw this.#refuse(progress, 'reserved-id', `${own.uri} is reserved`);
    const leaf = request.evidence.transport.peerChain?.[0];
    const record = caller.method === 'client_cert' && leaf ? this.#parts.records.recordOf(leaf) : undefined;
    return { caller, spiffeId: own, bornOfRegistration: record?.callerMethod === bornOfRegistration };
  }

  #refuse(progress: Progress, reason: string, detail: string): CastellanError {
    progress.reason = reason;
    progress.detail = detail;
    return csrErrors.AUTHENTICATION_FAILED();
  }

  #parseCsr(request: IssueSvidRequest): Csr {
    try {
      return parseCsrPem(request.csrPem, this.#parts.keyPolicy);
    } catch (error) {
      throw error instanceof CastellanError ? signingError(error) : error;
    }
  }

  #order(job: { request: IssueSvidRequest; entitled: Entitled; csr: Csr; progress: Progress }): SigningOrder {
    const { request, entitled, csr, progress } = job;
    const { caller, spiffeId } = entitled;
    const dnsNames = this.#grantedDnsNames(csr, entitled);
    if (this.#parts.settings.strictCsr) requireModestNames(csr, spiffeId, dnsNames);
    const dropped = droppedNames(csr, spiffeId, dnsNames);
    const notes = progress.notes?.map(({ code, detail }) => `${code}: ${detail}`) ?? [];
    return {
      csr,
      spiffeId,
      dnsNames,
      validitySeconds: request.validitySeconds,
      requestId: request.requestId,
      signal: request.signal,
      trace: request.trace,
      caller: {
        subject: caller.subject,
        method: entitled.bornOfRegistration ? bornOfRegistration : caller.method,
        actor: caller.subject,
        actorMethod: caller.method,
        address: request.evidence.transport.peerAddress,
      },
      note: { ...(dropped ? { dropped } : {}), ...(notes.length > 0 ? { notes } : {}) },
    };
  }

  /**
   * C21: a DNS name that was asked for is granted only where a registration lists that very name; to an agent, only
   * where that registration is under it.
   */
  #grantedDnsNames(csr: Csr, { caller, spiffeId: { uri } }: Entitled): readonly string[] {
    const asked = csr.requested.dnsNames;
    if (asked.length === 0) return asked;
    const view = this.#parts.registrations();
    const node = caller.identities.find((id) => isNodeId(id, id.trustDomain));
    const allowed =
      node === undefined
        ? view.dnsNamesOf(uri)
        : view.under(node.uri).flatMap(({ spiffeId, dnsNames }) => (spiffeId.uri === uri ? dnsNames : []));
    return asked.filter((name) => allowed.includes(name));
  }

  async #sign(order: SigningOrder): Promise<Signed> {
    const { authority, clock, clockGuard, store, settings, spans } = this.#parts;
    const { idempotencyMs } = settings;
    const parts = { authority, clock, clockGuard, idempotencyMs, spans, issuances: store.issuances };
    const { issuance, chainPem, replayed } = await signAndRecord(parts, order);
    return { chainPem, replayed, shortened: issuance.shortenedToIssuer };
  }

  /** D8: what was answered before is answered again; what is being made is waited for. */
  async #signOnce(order: SigningOrder, wish: IdempotencyWish): Promise<Signed> {
    let isMine = false;
    const work = this.#shared.run(`${wish.keyHash} ${wish.callerSubject}`, wish.csrSha256, async () => {
      isMine = true;
      const earlier = await this.#parts.store.issuances.findIdempotent(wish.keyHash, wish.callerSubject);
      // Others may wait for this one: the caller who started it does not end it by going away.
      if (earlier === undefined) return this.#sign({ ...order, idempotency: wish, signal: neverAborted });
      if (earlier.csrSha256 !== wish.csrSha256) throw storeErrors.IDEMPOTENCY_CONFLICT();
      return { chainPem: earlier.chainPem, replayed: true, shortened: false };
    });
    const signed = await abortable(work, order.signal);
    return isMine ? signed : { ...signed, replayed: true };
  }
}

type Signed = IssueSvidReply;

/** D7: what is recorded stays recorded, but nothing goes out to a caller who is gone or out of time. */
function finish(signed: Signed, { signal }: IssueSvidRequest): IssueSvidReply {
  signal.throwIfAborted();
  return signed;
}

const neverAborted = new AbortController().signal;
