import { CustomProviders, type ProviderSettings } from '../adapters/custom-provider/index.ts';
import type { Metrics } from '../adapters/telemetry/index.ts';
import type { Cidr } from '../base/ip.ts';
import type { KeySetFetcher } from '../jwt/index.ts';
import {
  CheckRequest,
  type DecisionObserver,
  isFault,
  PeerIdentities,
  type PeerTrust,
  ProviderCircuit,
  type ProxyBindings,
} from '../operations/check-request/index.ts';
import { DecisionRecorder } from '../operations/decisions/index.ts';
import {
  type KeySetPlace,
  PolicyFeed,
  type PolicyFeedOptions,
  type PolicySettings,
  RequestKeys,
  type RequestKeysOptions,
} from '../operations/policy-snapshot/index.ts';
import type { DecisionRing, ResourceReader } from '../operations/ports/index.ts';
import { checkSpan, compileSpan, type Tracer } from '../operations/tracing/index.ts';
import type { TrafficCounter } from '../operations/traffic/index.ts';
import { CheckCounts, countCustom, sampleChecks } from './check-metrics.ts';
import type { Environment } from './environment.ts';

/** Everything that deciding needs, wherever it is done: in the server, in a worker of it, at a node. */
export interface DecidingParts {
  readonly environment: Environment;
  readonly metrics: Metrics;
  readonly tracer: Tracer | undefined;
  readonly stack: AsyncDisposableStack;
  readonly resources: ResourceReader;
  readonly policySettings: PolicySettings;
  readonly providers: ReadonlyMap<string, ProviderSettings>;
  /** D15: addresses that may be reached although they are local or private. */
  readonly allow: readonly Cidr[];
  /** The share of allowed requests that is recorded. */
  readonly sampleAllows: number;
  readonly trust: PeerTrust;
  readonly revocations: { isRevoked(serial: string | undefined, spiffeId: string): boolean };
  readonly bindings: ProxyBindings;
  readonly ring: Pick<DecisionRing, 'note'>;
  /** Counts every decision, recorded or not. */
  readonly traffic: Pick<TrafficCounter, 'count'>;
  readonly fetcherFor: (place: KeySetPlace) => KeySetFetcher;
  readonly keeping?: RequestKeysOptions['keeping'];
  readonly mayActivate?: PolicyFeedOptions['mayActivate'];
  /** Asked before each check; undefined denies (G5). */
  readonly mayDecide?: () => boolean;
}

export interface Deciding {
  readonly verb: CheckRequest;
  readonly feed: PolicyFeed;
  readonly keys: RequestKeys;
}

const stopwatch = () => performance.now();

/** The verb behind every door for proxies, fed by resources from wherever they are. */
export async function openDeciding(parts: DecidingParts): Promise<Deciding> {
  const { environment, metrics, stack, tracer, fetcherFor, keeping, allow } = parts;
  const { clock, random } = environment;
  const logger = environment.logger.scoped('authz');
  const keys = stack.use(new RequestKeys({ fetcherFor, keeping, clock, logger }));
  const providers = stack.use(new CustomProviders({ settings: parts.providers, allow, clock }));
  const feed = stack.use(
    await PolicyFeed.open({
      store: parts.resources,
      settings: parts.policySettings,
      clock,
      logger: environment.logger.scoped('policy'),
      stopwatch,
      ...(parts.mayActivate === undefined ? {} : { mayActivate: parts.mayActivate }),
      onPropagated: (ms) => metrics.observe('castellan_policy_propagation_seconds', ms / 1000, {}),
      onActivation(policy, durationMs) {
        tracer?.record(compileSpan(policy.resources.length, { endAt: clock.now(), durationMs }));
        keys.follow(policy);
        providers.keepOnly(policy.providers.values());
      },
    }),
  );
  const counts = new CheckCounts(metrics);
  stack.use(counts.sample());
  const { mayDecide = () => true } = parts;
  const verb = new CheckRequest({
    policy: () => (mayDecide() ? feed.current() : undefined),
    bindings: parts.bindings,
    peers: new PeerIdentities(parts.trust, parts.revocations),
    tokens: keys,
    custom: new ProviderCircuit({
      authorizer: providers,
      clock,
      stopwatch,
      onAsked: (asked) => countCustom(metrics, asked),
    }),
    observer: observerOf(parts, { counts, tracer }),
    clock,
    stopwatch,
    random,
    logger,
  });
  stack.use(sampleChecks(metrics, feed, keys));
  return { verb, feed, keys };
}

function observerOf(
  { sampleAllows, environment, ring, traffic }: DecidingParts,
  { counts, tracer }: { readonly counts: CheckCounts; readonly tracer: Tracer | undefined },
): DecisionObserver {
  const recorder = new DecisionRecorder({
    ring,
    logger: environment.logger.scoped('authz.decision'),
    sampleAllows,
  });
  return {
    decided(check) {
      counts.count(check);
      recorder.decided(check);
      traffic.count(check);
      tracer?.record(checkSpan(check, isFault(check.outcome.decision)));
    },
  };
}
