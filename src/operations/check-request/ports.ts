import type { AuthzRequest, CustomResult, TokenResult } from '../../policy/index.ts';
import type { ExtensionProvider } from '../../resources/index.ts';
import type { ActivePolicy } from './active-policy.ts';
import type { CheckOutcome } from './outcome.ts';
import type { ProviderCall } from './provider-call.ts';
import type { CheckQuestion } from './question.ts';

/** Asks a CUSTOM provider of MeshConfig (D17). Throws, or takes too long, when it does not answer. */
export interface CustomAuthorizer {
  ask(provider: ExtensionProvider, request: AuthzRequest, call: ProviderCall): Promise<CustomResult>;
}

/** Finds and verifies the tokens of a request with the keys at hand, fetching some only when none are there. */
export interface RequestTokens {
  /** Synchronous when there is nothing to verify. */
  verify(
    policy: ActivePolicy,
    request: AuthzRequest,
    limits: { readonly now: number; readonly signal: AbortSignal },
  ): readonly TokenResult[] | Promise<readonly TokenResult[]>;
  /** What is known without waiting and without verifying; undefined: `verify` has to be asked. */
  known?(policy: ActivePolicy, request: AuthzRequest, now: number): readonly TokenResult[] | undefined;
}

/** A check that was answered, for those who count and record. */
export interface DecidedCheck {
  readonly question: CheckQuestion;
  readonly outcome: CheckOutcome;
  readonly policy: ActivePolicy | undefined;
  /** Wall time, ms. */
  readonly at: number;
  readonly durationMs: number;
}

/** Told of every decision after it was made; whatever it does changes none. */
export interface DecisionObserver {
  decided(check: DecidedCheck): void;
}
