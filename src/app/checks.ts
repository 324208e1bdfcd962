import { CustomProviders } from '../adapters/custom-provider/index.ts';
import { discoveredKeySetFetcher, urlKeySetFetcher } from '../adapters/jwks/index.ts';
import type { Metrics } from '../adapters/telemetry/index.ts';
import { parseIpBlock } from '../base/ip.ts';
import {
  CheckRequest,
  type DecisionObserver,
  PeerIdentities,
  ProviderCircuit,
} from '../operations/check-request/index.ts';
import { DecisionRecorder } from '../operations/decisions/index.ts';
import { type EnforcerSource, Enforcers } from '../operations/enforcers.ts';
import { PolicyFeed, type PolicySettings, RequestKeys } from '../operations/policy-snapshot/index.ts';
import { outboundClient } from '../wire/outbound/index.ts';
import { countChecks, countCustom, sampleChecks } from './check-metrics.ts';
import { ownAddresses, providerSettings } from './custom-providers.ts';
import type { Environment } from './environment.ts';
import { peerTrust } from './peer-trust.ts';
import { proxyBindings } from './proxy-bindings.ts';
import type { Settings } from './settings/index.ts';
import type { State } from './state.ts';

export interface Checks {
  readonly verb: CheckRequest;
  readonly feed: PolicyFeed;
  readonly keys: RequestKeys;
  /** Whoever decides by the policies of this server. */
  readonly enforcers: Enforcers;
}

export interface ChecksParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly state: State;
  readonly metrics: Metrics;
  readonly stack: AsyncDisposableStack;
}

const stopwatch = () => performance.now();

/** The verb behind every door for proxies, fed by the resource store. */
export async function openChecks(parts: ChecksParts): Promise<Checks> {
  const { settings, environment, state, metrics, stack } = parts;
  const { clock, random } = environment;
  const logger = environment.logger.scoped('authz');
  const { store, authority } = state;
  const keys = stack.use(new RequestKeys({ fetcherFor: keyFetchers(settings, environment), clock, logger }));
  const providers = stack.use(
    new CustomProviders({ settings: providerSettings(settings), allow: outboundAllow(settings), clock }),
  );
  const feed = stack.use(
    await PolicyFeed.open({
      store: store.resources,
      settings: policySettings(settings),
      clock,
      logger: environment.logger.scoped('policy'),
      stopwatch,
      onPropagated: (ms) => metrics.observe('castellan_policy_propagation_seconds', ms / 1000, {}),
      onActivation(policy) {
        keys.follow(policy);
        providers.keepOnly(policy.providers.values());
      },
    }),
  );
  const recorder = new DecisionRecorder({
    ring: store.decisions,
    logger: environment.logger.scoped('authz.decision'),
    sampleAllows: settings.decisions.sampleAllows,
  });
  const observer: DecisionObserver = {
    decided(check) {
      countChecks(metrics, check);
      recorder.decided(check);
    },
  };
  const verb = new CheckRequest({
    policy: () => feed.current(),
    bindings: proxyBindings(settings),
    peers: new PeerIdentities(peerTrust(authority, stack), store.revocations),
    tokens: keys,
    custom: new ProviderCircuit({
      authorizer: providers,
      clock,
      stopwatch,
      onAsked: (asked) => countCustom(metrics, asked),
    }),
    observer,
    clock,
    stopwatch,
    random,
    logger,
  });
  sampleChecks(metrics, feed, keys);
  const enforcers = new Enforcers();
  enforcers.add(serverEnforcer(feed));
  return { verb, feed, keys, enforcers };
}

/** This process, as one of those that decide. */
function serverEnforcer(feed: PolicyFeed): EnforcerSource {
  return {
    list() {
      const { storeRevision, problem, seen } = feed.status();
      return [{ name: 'server', kind: 'server', revision: storeRevision, problem, seen }];
    },
    onChange: (listener) => feed.onChange(listener),
  };
}

/** What the settings say about deciding. */
export function policySettings(settings: Settings): PolicySettings {
  const { trustDomain, policy } = settings;
  const { strict, stripPathParameters, multipleCustomProviders } = policy;
  return {
    trustDomain,
    strict,
    stripPathParameters,
    multipleCustomProviders,
    selfProviders: policy.selfProviders,
    ownAddresses: ownAddresses(settings),
  };
}

/** D15: a URI that a policy names reaches no private address unless the settings list it. */
function keyFetchers(settings: Settings, { clock }: Environment) {
  const client = outboundClient({ privateAllowed: false, allow: outboundAllow(settings), clock });
  return (place: { readonly url: string } | { readonly issuer: string }) =>
    'url' in place
      ? urlKeySetFetcher({ client, url: place.url })
      : discoveredKeySetFetcher({ client, issuer: place.issuer });
}

function outboundAllow({ outbound }: Settings) {
  return outbound.allow.map((text) => parseIpBlock(text)).filter((block) => block !== undefined);
}
