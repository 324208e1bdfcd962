import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { discoveredKeySetFetcher, urlKeySetFetcher } from '../adapters/jwks/index.ts';
import type { Metrics } from '../adapters/telemetry/index.ts';
import { type EnforcerSource, Enforcers } from '../operations/enforcers.ts';
import { KeySetRelay } from '../operations/policy-content/index.ts';
import type { KeySetPlace, PolicyFeed, PolicySettings } from '../operations/policy-snapshot/index.ts';
import type { TrafficRow } from '../operations/ports/index.ts';
import type { Tracer } from '../operations/tracing/index.ts';
import { outboundClient } from '../wire/outbound/index.ts';
import { ownAddresses, providerSettings } from './custom-providers.ts';
import { type Deciding, openDeciding } from './deciding.ts';
import type { Environment } from './environment.ts';
import { outboundAllow } from './outbound-allow.ts';
import { peerTrust } from './peer-trust.ts';
import { proxyBindings } from './proxy-bindings.ts';
import type { Settings } from './settings/index.ts';
import type { State } from './state.ts';
import { openTraffic, type Traffic } from './traffic.ts';

export interface Checks extends Deciding {
  /** Whoever decides by the policies of this server. */
  readonly enforcers: Enforcers;
  /** Fetches key sets for whoever decides. */
  readonly relay: KeySetRelay;
  readonly traffic: Traffic;
}

export interface ChecksParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly state: State;
  readonly metrics: Metrics;
  readonly tracer: Tracer | undefined;
  readonly stack: AsyncDisposableStack;
}

/** Deciding in this process, by what its own store holds. */
export async function openChecks(parts: ChecksParts): Promise<Checks> {
  const { settings, environment, state, metrics, tracer, stack } = parts;
  const { store, authority } = state;
  const relay = stack.use(new KeySetRelay(keyFetchers(settings, environment), environment.clock));
  const send = (rows: readonly TrafficRow[]) => store.traffic.add(rows);
  const traffic = openTraffic({ environment, metrics, send }, stack);
  const deciding = await openDeciding({
    environment,
    metrics,
    tracer,
    stack,
    resources: store.resources,
    policySettings: policySettings(settings),
    providers: providerSettings(settings),
    allow: outboundAllow(settings),
    sampleAllows: settings.decisions.sampleAllows,
    trust: peerTrust(authority, stack),
    revocations: store.revocations,
    bindings: proxyBindings(settings),
    ring: store.decisions,
    traffic: traffic.counter,
    fetcherFor: (place) => relay.fetcherFor(place),
  });
  const enforcers = new Enforcers();
  // With workers this process has no door: they are who decides.
  if (settings.workers === 0) enforcers.add(serverEnforcer(deciding.feed));
  return { ...deciding, enforcers, relay, traffic };
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
  const { caFile } = settings.outbound;
  const ca =
    caFile === undefined ? {} : { ca: [...rootCertificates, readFileSync(caFile, 'utf8')].join('\n') };
  return (place: KeySetPlace) =>
    'url' in place
      ? urlKeySetFetcher({ client, ...ca, url: place.url })
      : discoveredKeySetFetcher({ client, ...ca, issuer: place.issuer });
}
