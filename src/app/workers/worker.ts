import { jsonLogger, Metrics } from '../../adapters/telemetry/index.ts';
import { ShippingRing } from '../../operations/decisions/index.ts';
import { FollowedDenyList, FollowedResources, FollowedTrust } from '../../operations/policy-content/index.ts';
import { type CheckDoors, openCheckDoors } from '../check-doors.ts';
import { policySettings } from '../checks.ts';
import { providerSettings } from '../custom-providers.ts';
import { type Deciding, openDeciding } from '../deciding.ts';
import { type Environment, systemEnvironment } from '../environment.ts';
import { outboundAllow } from '../outbound-allow.ts';
import { peerJudge } from '../peer-judge.ts';
import { proxyBindings } from '../proxy-bindings.ts';
import { buildInfo } from '../settings/index.ts';
import { openTraces } from '../traces.ts';
import { openTraffic } from '../traffic.ts';
import { FollowedServing } from './followed-serving.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { RolloutGate } from './rollout-gate.ts';
import { ServerLine } from './server-line.ts';

type Start = Extract<ToWorker, { kind: 'start' }>;

/** One process with the doors for proxies: everything it decides by comes from the server that made it. */
class CheckWorker {
  readonly #line: ServerLine;
  readonly #stack = new AsyncDisposableStack();
  readonly #trust: FollowedTrust;
  readonly #denied: FollowedDenyList;
  readonly #resources: FollowedResources;
  readonly #serving: FollowedServing;
  readonly #gate: RolloutGate;
  readonly #metrics: Metrics;
  #doors: CheckDoors | undefined;

  constructor(line: ServerLine, start: Start) {
    this.#line = line;
    this.#trust = new FollowedTrust(start.trust);
    this.#denied = new FollowedDenyList(start.denied);
    this.#resources = new FollowedResources(start.resources, start.revision);
    this.#serving = new FollowedServing(start.serving);
    this.#gate = new RolloutGate((message) => line.say(message));
    this.#metrics = new Metrics({ version: buildInfo().version, component: 'worker' });
  }

  async open({ settings }: Start): Promise<void> {
    const { level, scopes } = settings.logging;
    const { version } = buildInfo();
    const logger = jsonLogger({ level, scopes, always: { trust_domain: settings.trustDomain, version } });
    const environment = systemEnvironment(logger);
    const checks = await this.#decide(settings, environment);
    this.#doors = await openCheckDoors({
      settings,
      environment,
      serving: this.#serving,
      validatePeer: peerJudge(this.#trust, environment),
      checks,
    });
    this.#gate.follow(checks.feed);
    this.#line.say({ kind: 'ready', addresses: this.#doors.addresses });
  }

  /** Messages come in order, and each is done before the next matters. */
  take(message: ToWorker): void {
    switch (message.kind) {
      case 'prepare':
        this.#gate.preparing(message.revision);
        this.#resources.apply(message.changes, message.revision);
        return;
      case 'activate':
        this.#gate.activate();
        return;
      case 'cancel':
        this.#gate.cancel();
        return;
      case 'serving':
        this.#serving.replace(message.serving);
        return;
      case 'trust':
        this.#trust.replace(message.trust);
        return;
      case 'denied':
        this.#denied.replace(message.denied);
        return;
      case 'scrape':
        void this.#scrape(message.id);
        return;
      case 'drain':
        void this.#drain(message.graceMs);
        return;
      default:
    }
  }

  async #decide(settings: Start['settings'], environment: Environment): Promise<Deciding> {
    const line = this.#line;
    const ring = this.#stack.use(
      new ShippingRing({
        clock: environment.clock,
        ship: async (rows, dropped) => line.say({ kind: 'decisions', rows, dropped }),
      }),
    );
    this.#stack.defer(() => ring.flush());
    const traffic = openTraffic(
      {
        environment,
        metrics: this.#metrics,
        everyMs: 1_000,
        send: async (rows) => line.say({ kind: 'traffic', rows }),
      },
      this.#stack,
    );
    return await openDeciding({
      environment,
      metrics: this.#metrics,
      tracer: await openTraces(environment, this.#stack),
      stack: this.#stack,
      resources: this.#resources,
      policySettings: policySettings(settings),
      providers: providerSettings(settings),
      allow: outboundAllow(settings),
      sampleAllows: settings.decisions.sampleAllows,
      trust: this.#trust,
      revocations: this.#denied,
      bindings: proxyBindings(settings),
      ring,
      traffic: traffic.counter,
      fetcherFor: (place) => ({ fetch: (signal) => line.fetchKeySet(place, signal) }),
      mayActivate: (policy) => this.#gate.mayActivate(policy.storeRevision),
    });
  }

  async #scrape(id: number): Promise<void> {
    const metrics = await this.#metrics.snapshot((name) => name.startsWith('castellan_authz_'));
    this.#line.say({ kind: 'scraped', id, metrics });
  }

  async #drain(graceMs: number): Promise<void> {
    await this.#doors?.close(graceMs);
    await this.#stack.disposeAsync();
    this.#line.close();
  }
}

/** Runs in the worker's process until the server says to end, or is gone. */
export function runWorker(): void {
  let worker: CheckWorker | undefined;
  const line = new ServerLine((message) => {
    if (message.kind !== 'start') {
      worker?.take(message);
      return;
    }
    worker = new CheckWorker(line, message);
    worker.open(message).catch((error: unknown) => {
      const problem = error instanceof Error ? error.message : String(error);
      line.say({ kind: 'failed', problem } satisfies FromWorker);
    });
  });
  line.say({ kind: 'hello' });
}
