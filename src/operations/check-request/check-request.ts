import type { Clock } from '../../base/clock.ts';
import { baseErrors } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { type Random, ulid } from '../../base/random.ts';
import { abortable, withDeadline } from '../../base/waiting.ts';
import {
  type AuthzRequest,
  type CustomResult,
  type Decision,
  evaluate,
  providersNeeded,
} from '../../policy/index.ts';
import type { ActivePolicy } from './active-policy.ts';
import { findWorkload } from './find-workload.ts';
import { type CheckOutcome, deniedDecision } from './outcome.ts';
import type { PeerIdentities } from './peer-identity.ts';
import type { CustomAuthorizer, DecisionObserver, RequestTokens } from './ports.ts';
import { prepareBody, provenCertificate, withinReach } from './provider-call.ts';
import { mayAskAbout, type ProxyBinding, type ProxyBindings } from './proxy-bindings.ts';
import type { CheckQuestion } from './question.ts';

export interface CheckParts {
  /** The policy in force; undefined before the first snapshot: everything is denied then. */
  readonly policy: () => ActivePolicy | undefined;
  readonly bindings: ProxyBindings;
  readonly peers: PeerIdentities;
  readonly tokens: RequestTokens;
  readonly custom: CustomAuthorizer;
  readonly observer: DecisionObserver;
  readonly clock: Clock;
  /** Milliseconds since any moment, fine-grained: only differences are used, and only for figures. */
  readonly stopwatch: () => number;
  readonly random: Random;
  readonly logger: Logger;
}

type Asked = Omit<CheckOutcome, 'id' | 'decision'>;
type Judgement = Asked & { readonly decision: Decision };

const noNotes: readonly string[] = Object.freeze([]);
const longestCheckMs = 10_000;
/** An answer needs a moment to arrive. */
const answerMs = 5;
const longestCustomMs = 5_000;

/**
 * The one verb of every door for proxies: question in, decision out. It never throws and never rejects; whatever goes
 * wrong here is a denial that says so. Nothing is waited for unless a token's keys or a CUSTOM provider must be asked.
 */
export class CheckRequest {
  readonly #parts: CheckParts;

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  check(question: CheckQuestion): CheckOutcome | Promise<CheckOutcome> {
    const { clock, random, stopwatch } = this.#parts;
    const begin = stopwatch();
    const at = clock.now();
    const policy = this.#parts.policy();
    const finish = (judged: Judgement): CheckOutcome => {
      const outcome = { id: ulid(at, random), ...judged };
      this.#tell({ question, outcome, policy, at, durationMs: stopwatch() - begin });
      return outcome;
    };
    try {
      const judged = this.#judge(question, policy, at);
      return judged instanceof Promise
        ? judged.then(finish, (error) => finish(this.#fault(question, policy, error)))
        : finish(judged);
    } catch (error) {
      return finish(this.#fault(question, policy, error));
    }
  }

  /** Read top to bottom, this is what a check is. */
  #judge(
    question: CheckQuestion,
    policy: ActivePolicy | undefined,
    now: number,
  ): Judgement | Promise<Judgement> {
    if (policy === undefined)
      return deny(question, undefined, {
        reason: 'internal_error',
        status: 503,
        detail: 'no policy is in force yet',
      });
    const { deadlineAt, malformed } = question;
    if (deadlineAt !== undefined && deadlineAt <= now) return late(question, policy);
    const bound = this.#parts.bindings.find(question.asker);
    if (!bound.ok)
      return deny(question, policy, { reason: 'proxy_not_permitted', status: 403, detail: bound.detail });
    const { binding } = bound;
    if (malformed !== undefined)
      return deny(question, policy, { reason: 'request_malformed', status: 400, detail: malformed }, binding);
    return this.#judgeFor(binding, question, policy);
  }

  #judgeFor(
    binding: ProxyBinding,
    question: CheckQuestion,
    policy: ActivePolicy,
  ): Judgement | Promise<Judgement> {
    const { settings } = policy.snapshot;
    const found = findWorkload(question.destination, policy.workloads, settings.trustDomains);
    if (!found.ok)
      return deny(
        question,
        policy,
        { reason: 'unknown_workload', status: 403, detail: found.detail },
        binding,
      );
    if (!mayAskAbout(binding, found.facts, settings.trustDomain)) {
      const { namespace, name, serviceAccount } = found.facts;
      const detail = `the proxy \`${binding.name}\` may not ask about ${namespace}/${name ?? serviceAccount ?? '?'}`;
      return deny(question, policy, { reason: 'proxy_not_permitted', status: 403, detail }, binding);
    }
    const peer = this.#parts.peers.judge(question.source, {
      isTls: question.isTls ?? false,
      trustsPrincipal: binding.trustProxyPrincipal,
      now: this.#parts.clock.now(),
    });
    const request: AuthzRequest = {
      connection: {
        tls: peer.tls,
        peer: peer.peer,
        peerProblem: peer.peerProblem,
        sni: question.sni,
        sourceIp: question.source.ip,
        remoteIp: question.source.remoteIp,
        destinationIp: question.destination.ip,
        destinationPort: found.port ?? 0,
      },
      http: question.http,
      destination: found.facts,
      dynamicMetadata: question.dynamicMetadata,
      tokens: noTokens,
    };
    const asked: Asked = {
      binding: binding.name,
      foundBy: found.foundBy,
      isHttp: question.http !== undefined,
      request,
      notes: peer.note === undefined ? noNotes : [peer.note],
    };
    if (!policy.hasCustom && !policy.hasTokenRules)
      return withoutRewrite(question, { ...asked, decision: evaluate(policy.snapshot, request) });
    return this.#judgeWithFacts(asked, request, { question, policy });
  }

  /** Where tokens or CUSTOM providers may matter: gathers what they say, then decides. */
  #judgeWithFacts(
    asked: Asked,
    request: AuthzRequest,
    { question, policy }: { readonly question: CheckQuestion; readonly policy: ActivePolicy },
  ): Judgement | Promise<Judgement> {
    const { clock } = this.#parts;
    const now = clock.now();
    const needed = policy.hasCustom ? providersNeeded(policy.snapshot, request) : [];
    const decide = (facts: Partial<AuthzRequest>): Judgement => {
      const whole = { ...request, ...facts };
      const decision = evaluate(policy.snapshot, whole);
      return withoutRewrite(question, { ...asked, request: whole, decision });
    };
    const known = policy.hasTokenRules ? this.#parts.tokens.known?.(policy, request, now) : noTokens;
    // Most checks end here: nobody has to be waited for, so nothing is made to wait with.
    if (known !== undefined && needed.length === 0) return decide({ tokens: known });
    const limit = new AbortController();
    const signal =
      question.signal === undefined ? limit.signal : AbortSignal.any([question.signal, limit.signal]);
    const tokens = known ?? this.#parts.tokens.verify(policy, request, { now, signal });
    if (!(tokens instanceof Promise) && needed.length === 0) return decide({ tokens });
    const left = Math.min(longestCheckMs, (question.deadlineAt ?? Number.POSITIVE_INFINITY) - now - answerMs);
    const timer = clock.schedule(Math.max(0, left), () => limit.abort(baseErrors.DEADLINE_EXCEEDED()));
    const facts = Promise.all([tokens, this.#askProviders(needed, request, { question, policy, signal })]);
    return abortable(facts, signal)
      .then(([found, custom]) => decide({ tokens: found, custom }))
      .catch((error: unknown) => {
        if (signal.aborted) return { ...late(question, policy), ...asked };
        throw error;
      })
      .finally(() => timer[Symbol.dispose]());
  }

  /** All at once; one that throws or is late is `unavailable`, and evaluation knows what that means for it. */
  async #askProviders(
    names: readonly string[],
    request: AuthzRequest,
    { question, policy, signal }: ProviderContext,
  ): Promise<ReadonlyMap<string, CustomResult>> {
    const { clock, custom, logger } = this.#parts;
    const certificate = provenCertificate(question, request.connection.peer !== undefined);
    const ask = async (name: string): Promise<readonly [string, CustomResult]> => {
      const provider = policy.providers.get(name);
      try {
        if (provider === undefined) return [name, { outcome: 'unavailable' }];
        const limitMs = Math.min(provider.timeoutMs ?? longestCustomMs, longestCustomMs);
        const prepared = prepareBody(provider, question);
        if (prepared.result !== undefined) return [name, prepared.result];
        const { body } = prepared;
        const result = await withDeadline(clock, limitMs, signal, (limit) =>
          custom.ask(provider, request, { signal: limit, body, certificate }),
        );
        return [name, withinReach(result, question)];
      } catch (error) {
        logger.warn('a CUSTOM provider did not answer', { provider: name, error: String(error) });
        return [name, { outcome: 'unavailable' }];
      }
    };
    return new Map(await Promise.all(names.map(ask)));
  }

  #fault(question: CheckQuestion, policy: ActivePolicy | undefined, error: unknown): Judgement {
    this.#parts.logger.error('a check failed inside', { error });
    return deny(question, policy, {
      reason: 'internal_error',
      status: 503,
      detail: 'the check failed inside',
    });
  }

  #tell(check: Parameters<DecisionObserver['decided']>[0]): void {
    try {
      this.#parts.observer.decided(check);
    } catch (error) {
      this.#parts.logger.error('a decision could not be recorded', { error });
    }
  }
}

interface ProviderContext {
  readonly question: CheckQuestion;
  readonly policy: ActivePolicy;
  readonly signal: AbortSignal;
}

const noTokens: NonNullable<AuthzRequest['tokens']> = Object.freeze([]);

/** What was decided about must be what goes on: behind a proxy that keeps its own spelling, only that one is allowed. */
function withoutRewrite(question: CheckQuestion, asked: Judgement): Judgement {
  const { decision } = asked;
  if (question.keepsPath !== true || decision.outcome === 'deny' || question.http === undefined) return asked;
  let judged = asked;
  if (decision.effects.removeParams.length > 0)
    judged = { ...judged, notes: [...judged.notes, keptParam(decision.effects.removeParams)] };
  const [sent] = question.http.path.split('?', 1);
  if (decision.path === undefined || decision.path === sent || decision.effects.path === undefined)
    return judged;
  const detail = 'the path is not normalised, and this proxy would forward it as it came';
  const denied = deniedDecision({
    reason: 'request_malformed',
    status: 400,
    detail,
    stage: 'normalisation',
    isHttp: true,
    revision: decision.revision,
  });
  return { ...judged, decision: denied };
}

function keptParam(names: readonly string[]): string {
  return `the token in the query (${names.join(', ')}) goes on to the server: a proxy of this kind cannot remove it`;
}

interface Denial {
  readonly reason: Decision['reason'];
  readonly status: number;
  readonly detail: string;
}

function deny(
  question: CheckQuestion,
  policy: ActivePolicy | undefined,
  denial: Denial,
  binding?: ProxyBinding,
): Judgement {
  const isHttp = question.http !== undefined || question.dialect !== 'ext-authz';
  const decision = deniedDecision({ ...denial, isHttp, revision: policy?.snapshot.revision ?? '' });
  return { decision, isHttp, binding: binding?.name, notes: noNotes };
}

function late(question: CheckQuestion, policy: ActivePolicy): Judgement {
  return deny(question, policy, {
    reason: 'overloaded',
    status: 503,
    detail: 'the deadline of the check passed before it was decided',
  });
}
