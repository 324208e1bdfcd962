import type { Metrics } from '../adapters/telemetry/index.ts';
import { type Authenticator, clientCertificateAuthenticator, impersonationRules } from '../identity/index.ts';
import type { KeySetKeeper } from '../jwt/index.ts';
import {
  type IssueMetrics,
  type IssueSvid,
  type IssueSvidSettings,
  issueLocally,
  issueSvid,
  type LocalIssuance,
  type LocalIssueRequest,
  RecordedStanding,
} from '../operations/issue-svid/index.ts';
import type { Operator } from '../operations/operator.ts';
import { Registrations } from '../operations/registrations.ts';
import type { SpanWatch, Tracer } from '../operations/tracing/index.ts';
import { openAuthenticators } from './authenticators.ts';
import type { Environment } from './environment.ts';
import { keyPolicyOf } from './key-policy.ts';
import type { Settings } from './settings/index.ts';
import type { State } from './state.ts';
import { watchOf } from './traces.ts';

export interface Issuing {
  /** Watches whatever signs; undefined where nobody wants traces. */
  readonly spans: SpanWatch | undefined;
  readonly issue: IssueSvid;
  readonly issueLocally: (operator: Operator, request: LocalIssueRequest) => Promise<LocalIssuance>;
  readonly keySets: readonly KeySetKeeper[];
  readonly registrations: Registrations;
  /** Judge tokens that somebody else issued. */
  readonly tokens: readonly Authenticator[];
  /** Judges certificates of connections, and nothing else. */
  readonly certificates: Authenticator;
}

export interface IssuingParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly state: State;
  readonly metrics: Metrics;
  readonly tracer: Tracer | undefined;
  readonly stack: AsyncDisposableStack;
}

/** D8: how long an idempotency key gives the same certificate. */
const idempotencyMs = 5 * 60_000;

/** The verbs that issue, joined to what is open. */
export async function openIssuing(parts: IssuingParts): Promise<Issuing> {
  const { settings, environment, state, stack } = parts;
  const { clock, logger } = environment;
  const { store, authority, clockGuard } = state;
  const { trustDomain, clusterId } = settings;
  const registrations = stack.use(await openRegistrations(parts));
  const standing = standingOf(parts, registrations);
  const keepers = stack.use(new DisposableStack());
  const { chain, tokens, keySets } = openAuthenticators({
    settings,
    environment,
    standing,
    joinTokens: store.joinTokens,
    stack: keepers,
  });
  const keyPolicy = keyPolicyOf(settings);
  const spans = watchOf(parts.tracer, environment);
  const issue = issueSvid({
    authenticators: chain,
    authenticationRules: { plaintextAllowed: settings.plaintext.authenticate, strict: settings.csr.strict },
    impersonation: impersonationRules({
      trustDomain,
      clusterId,
      trustedAccounts: settings.trustedNodeAccounts,
    }),
    registrations: () => registrations.current(),
    authority,
    keyPolicy,
    store,
    records: standing,
    clock,
    clockGuard,
    metrics: issueMetrics(parts.metrics),
    spans,
    logger: logger.scoped('ca'),
    settings: issueSettings(settings),
  });
  const signing = { authority, clock, clockGuard, idempotencyMs, spans, issuances: store.issuances };
  return {
    spans,
    issue,
    keySets,
    tokens,
    registrations,
    certificates: clientCertificateAuthenticator({ trustDomain, standing }),
    issueLocally: (operator, request) =>
      issueLocally({ ...signing, trustDomain, keyPolicy }, operator, request),
  };
}

function openRegistrations({
  settings,
  environment,
  state: { store },
}: IssuingParts): Promise<Registrations> {
  const { clock, logger } = environment;
  const { clusterId, trustDomain } = settings;
  return Registrations.open({
    resources: store.resources,
    nodes: store.nodes,
    clusterId,
    trustDomain,
    clock,
    logger,
  });
}

function standingOf(
  { environment, state: { store } }: IssuingParts,
  registrations: Registrations,
): RecordedStanding {
  return new RecordedStanding({
    issuances: store.issuances,
    revocations: store.revocations,
    nodes: store.nodes,
    registrations: () => registrations.current(),
    identity: () => store.identity(),
    clock: environment.clock,
    logger: environment.logger.scoped('ca'),
  });
}

function issueSettings({ csr, limits }: Settings): IssueSvidSettings {
  return {
    strictCsr: csr.strict,
    perSource: { perSecond: limits.perSourcePerSecond, burst: limits.perSourceBurst },
    perIdentity: { perSecond: limits.perIdentityPerSecond, burst: limits.perIdentityBurst },
    maxInFlight: limits.maxQueuedIssuances,
    idempotencyMs,
  };
}

function issueMetrics(metrics: Metrics): IssueMetrics {
  return {
    begin() {
      const startedAt = performance.now();
      metrics.csrReceived();
      return (outcome) =>
        metrics.csrFinished({ ...outcome, seconds: (performance.now() - startedAt) / 1000 });
    },
    limitHit: (limit) => metrics.limitHit(limit),
  };
}
