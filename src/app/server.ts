import { ephemeralKeys } from '../adapters/key-store/index.ts';
import { Metrics } from '../adapters/telemetry/index.ts';
import { openServingCertificate, type ServingCertificate } from '../authority/index.ts';
import { sleep } from '../base/clock.ts';
import { ulid } from '../base/random.ts';
import { observabilityServer } from '../endpoints/observability/server.ts';
import type { HealthCheck } from '../operations/check-health.ts';
import type { DirectorySource } from '../operations/policy-directory/index.ts';
import type { Store } from '../operations/ports/index.ts';
import { serverId } from '../spiffe/index.ts';
import type { GrpcLimits } from '../wire/grpc/limits.ts';
import { openAdminDoors } from './admin.ts';
import { type Agents, openAgents } from './agents.ts';
import { openBundleEndpoint } from './bundle-endpoint.ts';
import { type CheckDoors, openCheckDoors } from './check-doors.ts';
import { type Checks, openChecks } from './checks.ts';
import { type CsrListeners, openCsrListeners } from './csr-listeners.ts';
import { type Endpoints, hostPort, removeEndpoints, writeEndpoints } from './endpoints-file.ts';
import type { Environment } from './environment.ts';
import { followHealth } from './follow-health.ts';
import { portOf } from './http-listener.ts';
import { type Issuing, openIssuing } from './issuing.ts';
import { sampleKeySets, sampleRotation, sampleState } from './metric-sources.ts';
import { authorityTrust, peerJudge } from './peer-judge.ts';
import { openPolicyDirectory } from './policy-directory.ts';
import { agentEnforcers, openPolicyForAgents } from './policy-for-agents.ts';
import { readinessChecks } from './readiness.ts';
import { recordServing } from './record-serving.ts';
import { followRotation } from './rotation.ts';
import { type BuildInfo, buildInfo, type LoadedSettings, type Settings } from './settings/index.ts';
import { openState, type State } from './state.ts';
import { openTraces } from './traces.ts';
import { keepRecordsPruned } from './upkeep.ts';
import { WorkerPool } from './workers/pool.ts';

export interface ServerOptions {
  readonly loaded: LoadedSettings;
  readonly environment: Environment;
  /** For tests of limits. */
  readonly grpcLimits?: Partial<GrpcLimits>;
  /** What runs beside the server, opened last and closed first. */
  readonly alongside?: (
    server: Alongside,
    stack: AsyncDisposableStack,
  ) => Promise<{ readonly endpoints: Partial<Endpoints>; readonly notices: readonly string[] }>;
}

/** What something beside the server may build on. */
export interface Alongside {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly state: State;
  readonly metrics: Metrics;
  readonly endpoints: Endpoints;
}

/** A server with every door open. Disposing of it drains first. */
export interface RunningServer extends AsyncDisposable {
  readonly endpoints: Endpoints;
  /** Sentences an operator should read at the start. */
  readonly notices: readonly string[];
  readonly state: State;
  readonly csr: CsrListeners;
  readonly checks: Checks;
  readonly agents: Agents;
  /** Not ready from now on; after the shutdown delay no new connections, open calls may end, then everything closes. */
  close(): Promise<void>;
}

const drainMs = 10_000;

/** Opens what the state directory holds and serves it; throws a typed error that says what is missing. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  await using opening = new AsyncDisposableStack();
  const core = await openCore(options, opening);
  // One that a killed server left behind would send people to ports of others.
  removeEndpoints(core.state.paths.endpoints);
  const { csr, endpoints: doors } = await openDoors(core, options, opening);
  const { loaded, environment } = options;
  const { settings } = loaded;
  const { state, metrics } = core;
  const { store, paths, warnings } = state;
  await auditLife(store, environment, 'server.start');
  const beside = await options.alongside?.(
    { settings, environment, state, metrics, endpoints: doors },
    opening,
  );
  const endpoints = { ...doors, ...beside?.endpoints };
  writeEndpoints(paths.endpoints, endpoints);
  const stack = opening.move();
  const close = async () => {
    core.lifecycle.isDraining = true;
    csr.health.setAll(false);
    removeEndpoints(paths.endpoints);
    const { shutdownDelay } = loaded.settings;
    if (shutdownDelay > 0) await sleep(environment.clock, shutdownDelay);
    await auditLife(store, environment, 'server.stop').catch(() => undefined);
    await stack.disposeAsync();
  };
  let closing: Promise<void> | undefined;
  const closeOnce = () => (closing ??= close());
  return {
    endpoints,
    csr,
    checks: core.checks,
    agents: core.agents,
    state: core.state,
    notices: [...loaded.notices, ...warnings, ...(beside?.notices ?? [])],
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  };
}

/** What works without a door. */
interface Core {
  readonly state: State;
  readonly serving: ServingCertificate;
  readonly issuing: Issuing;
  readonly directory: DirectorySource | undefined;
  readonly checks: Checks;
  readonly agents: Agents;
  readonly metrics: Metrics;
  readonly readiness: readonly HealthCheck[];
  readonly build: BuildInfo;
  readonly lifecycle: { isDraining: boolean };
}

async function openCore(options: ServerOptions, stack: AsyncDisposableStack): Promise<Core> {
  const { loaded, environment } = options;
  const { settings } = loaded;
  const build = buildInfo();
  const metrics = new Metrics({ version: build.version, component: 'server' });
  const state = await openState(settings, environment, stack);
  const serving = stack.use(await openServing(options, state));
  const tracer = await openTraces(environment, stack);
  const issuing = await openIssuing({ settings, environment, state, metrics, tracer, stack });
  const directory = await openPolicyDirectory({ settings, environment, state, metrics, stack });
  const checks = await openChecks({ settings, environment, state, metrics, tracer, stack });
  const policy = await openPolicyForAgents({ settings, environment, state, checks, stack });
  const { counter: traffic } = checks.traffic;
  const agents = await openAgents({
    settings,
    environment,
    state,
    issuing,
    metrics,
    policy,
    traffic,
    stack,
  });
  await followRotation(state, { environment, reports: agents.reports }, stack);
  checks.enforcers.add(agentEnforcers(agents.reports));
  const lifecycle = { isDraining: false };
  const readiness = readinessChecks({
    state,
    serving,
    policy: checks.feed,
    isDraining: () => lifecycle.isDraining,
  });
  sampleState(metrics, state, environment.clock);
  sampleRotation(metrics, state, environment.clock);
  sampleKeySets(metrics, issuing.keySets, environment.clock);
  stack.use(keepRecordsPruned(state.store, settings.retention, environment));
  return { state, serving, issuing, directory, checks, agents, metrics, readiness, build, lifecycle };
}

async function openDoors(
  core: Core,
  options: ServerOptions,
  stack: AsyncDisposableStack,
): Promise<{ readonly csr: CsrListeners; readonly endpoints: Endpoints }> {
  const { loaded, environment, grpcLimits } = options;
  const { settings, shown } = loaded;
  const { state, serving, issuing, readiness, build, lifecycle } = core;
  const { issue } = issuing;
  const csr = await openCsrListeners({
    settings,
    environment,
    state,
    serving,
    issue,
    agents: core.agents,
    grpcLimits,
  });
  // A start that fails half-way has no calls to wait for.
  stack.defer(() => csr.drain(lifecycle.isDraining ? drainMs : 0));
  const doors = await openProxyDoors(core, settings, environment);
  stack.defer(() => doors.close(lifecycle.isDraining ? drainMs : 0));
  const admin = await openAdminDoors({
    settings,
    shown,
    environment,
    state,
    issuing,
    agents: core.agents,
    checks: core.checks,
    directory: core.directory,
    serving,
    readiness,
    build,
  });
  stack.defer(() => admin.close());
  const observability = await openObservability(core, settings, environment);
  stack.defer(() => observability.close());
  const bundle = await openBundleEndpoint({ settings, environment, state, serving }, stack);
  stack.use(followHealth(csr.health, readiness, environment.clock));
  const { csrAddress, adminAddress, observabilityAddress } = settings;
  const plaintext = csr.plaintextPort;
  return {
    csr,
    endpoints: {
      csr: hostPort(csrAddress, csr.port),
      ...(plaintext === undefined ? {} : { csrPlaintext: hostPort('127.0.0.1', plaintext) }),
      admin: hostPort(adminAddress, admin.port),
      adminSocket: `unix:${admin.socket}`,
      observability: hostPort(observabilityAddress, portOf(observability)),
      ...(bundle === undefined ? {} : { bundle: hostPort(settings.bundleEndpoint.address, portOf(bundle)) }),
      ...doors.addresses,
    },
  };
}

/** In this process, or in its workers. */
async function openProxyDoors(
  { state, serving, checks, metrics }: Core,
  settings: Settings,
  environment: Environment,
): Promise<Pick<CheckDoors, 'addresses' | 'close'>> {
  if (settings.workers > 0)
    return await WorkerPool.open({ settings, environment, state, serving, checks, metrics });
  const validatePeer = peerJudge(authorityTrust(state.authority), environment);
  return await openCheckDoors({ settings, environment, serving, validatePeer, checks });
}

async function openObservability(core: Core, settings: Settings, environment: Environment) {
  const { metrics, readiness, build } = core;
  const { clock, random, logger } = environment;
  const server = await observabilityServer({
    http: { logger: logger.scoped('observability'), clock, random },
    metrics,
    readiness,
    liveness: [{ name: 'process', check: () => ({ ok: true }) }],
    version: { version: build.version, node: build.node },
    revocationLists: () =>
      core.state.authority.revocationLists().map(({ issuerId, crl }) => ({ issuerId, der: crl.der })),
  });
  await server.listen({ host: settings.observabilityAddress, port: settings.observabilityPort });
  return server;
}

function openServing({ loaded, environment }: ServerOptions, state: State): Promise<ServingCertificate> {
  const { serving } = loaded.settings;
  const { clock, logger } = environment;
  return openServingCertificate({
    authority: state.authority,
    keys: ephemeralKeys,
    clock,
    logger: logger.scoped('ca'),
    dnsNames: serving.dnsNames,
    ips: serving.ips,
    record: recordServing(state.store, serverId(state.authority.trustDomain), environment),
  });
}

async function auditLife(store: Store, environment: Environment, action: 'server.start' | 'server.stop') {
  const { clock, random } = environment;
  await store.audit.append({
    actor: 'castellan',
    actorMethod: 'local',
    action,
    object: store.identity().instanceId,
    result: 'success',
    requestId: ulid(clock.now(), random),
    detail: {},
  });
}
