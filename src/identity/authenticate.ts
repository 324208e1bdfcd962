import { readBearer } from './bearer.ts';
import type { AuthenticationResult, Authenticator, Caller, Evidence } from './evidence.ts';

export interface AuthenticationRules {
  /** Plaintext callers are nobody unless this is set (A2). A Unix socket is not plaintext. */
  readonly plaintextAllowed?: boolean;
  /** A certificate and a bearer token that disagree are refused (M12); else the certificate wins, with a note (A11). */
  readonly strict?: boolean;
}

/** What one authenticator said, for log and audit; never for the caller. */
export interface Attempt {
  readonly authenticator: string;
  readonly outcome: AuthenticationResult['outcome'];
  readonly reason?: string;
  readonly detail?: string;
}

export interface AuthenticationNote {
  readonly code: 'token-disagrees-with-certificate' | 'token-beside-certificate-not-proved';
  readonly detail: string;
}

export type AuthenticationOutcome =
  | {
      readonly outcome: 'accepted';
      readonly caller: Caller;
      readonly notes: readonly AuthenticationNote[];
      readonly attempts: readonly Attempt[];
    }
  | {
      readonly outcome: 'rejected' | 'unavailable';
      /** The reason of the attempt that decided it, or `no-credential`, `plaintext`, `several-bearer-tokens`. */
      readonly reason: string;
      readonly detail: string;
      readonly attempts: readonly Attempt[];
    };

/**
 * Asks the authenticators in order; the first success wins and the failures before it are kept. With no success, one
 * that could not judge makes the whole answer `unavailable`: the credential may be good.
 */
export async function authenticate(
  chain: readonly Authenticator[],
  evidence: Evidence,
  signal: AbortSignal,
  rules: AuthenticationRules = {},
): Promise<AuthenticationOutcome> {
  const attempts: Attempt[] = [];
  if (evidence.transport.kind === 'plaintext' && rules.plaintextAllowed !== true)
    return {
      outcome: 'rejected',
      reason: 'plaintext',
      detail: 'plaintext callers are not authenticated',
      attempts,
    };
  if (readBearer(evidence).kind === 'several')
    return {
      outcome: 'rejected',
      reason: 'several-bearer-tokens',
      detail: 'more than one bearer token',
      attempts,
    };
  for (const authenticator of chain) {
    const result = await ask(authenticator, evidence, signal);
    attempts.push(toAttempt(authenticator, result));
    if (result.outcome !== 'accepted') continue;
    if (result.caller.method !== 'client_cert') return { ...result, notes: [], attempts };
    return compareWithToken(
      { chain, evidence, signal, strict: rules.strict === true },
      result.caller,
      attempts,
    );
  }
  return failure(attempts);
}

async function ask(
  authenticator: Authenticator,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<AuthenticationResult> {
  signal.throwIfAborted();
  try {
    return await authenticator.authenticate(evidence, signal);
  } catch (error) {
    signal.throwIfAborted();
    const detail = error instanceof Error ? error.message : String(error);
    return { outcome: 'unavailable', reason: 'authenticator-fault', detail };
  }
}

function toAttempt(authenticator: Authenticator, result: AuthenticationResult): Attempt {
  const { outcome } = result;
  return outcome === 'rejected' || outcome === 'unavailable'
    ? { authenticator: authenticator.name, outcome, reason: result.reason, detail: result.detail }
    : { authenticator: authenticator.name, outcome };
}

function failure(attempts: readonly Attempt[]): AuthenticationOutcome {
  const decisive =
    attempts.find((attempt) => attempt.outcome === 'unavailable') ??
    attempts.find((attempt) => attempt.outcome === 'rejected');
  return {
    outcome: decisive?.outcome === 'unavailable' ? 'unavailable' : 'rejected',
    reason: decisive?.reason ?? 'no-credential',
    detail: decisive?.detail ?? 'no credential that an authenticator reads',
    attempts,
  };
}

interface Question {
  readonly chain: readonly Authenticator[];
  readonly evidence: Evidence;
  readonly signal: AbortSignal;
  readonly strict: boolean;
}

/** A11, M12: the certificate has spoken; does a bearer token beside it say the same? */
async function compareWithToken(
  question: Question,
  caller: Caller,
  attempts: Attempt[],
): Promise<AuthenticationOutcome> {
  const { chain, evidence, signal, strict } = question;
  const win = (notes: readonly AuthenticationNote[]): AuthenticationOutcome => ({
    outcome: 'accepted',
    caller,
    notes,
    attempts,
  });
  if (readBearer(evidence).kind === 'none') return win([]);
  for (const authenticator of chain) {
    if (authenticator.secondOpinion === 'never' || (authenticator.secondOpinion === 'strict' && !strict))
      continue;
    const opinion = await ask(authenticator, evidence, signal);
    attempts.push(toAttempt(authenticator, opinion));
    if (opinion.outcome === 'unavailable' && strict) return failure(attempts);
    if (opinion.outcome !== 'accepted') continue;
    if (sameIdentities(caller, opinion.caller)) return win([]);
    const detail = `certificate ${caller.subject}, token ${opinion.caller.subject}`;
    if (!strict) return win([{ code: 'token-disagrees-with-certificate', detail }]);
    return { outcome: 'rejected', reason: 'token-disagrees-with-certificate', detail, attempts };
  }
  const detail =
    'a bearer token came beside the certificate, and none of the authenticators asked vouched for it';
  if (!strict) return win([{ code: 'token-beside-certificate-not-proved', detail }]);
  return { outcome: 'rejected', reason: 'token-beside-certificate-not-proved', detail, attempts };
}

function sameIdentities(a: Caller, b: Caller): boolean {
  const uris = (caller: Caller) => caller.identities.map((id) => id.uri).sort();
  return JSON.stringify(uris(a)) === JSON.stringify(uris(b));
}
