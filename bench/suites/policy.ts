import { parseIp } from '../../src/base/ip.ts';
import { emptyOperation, emptySource } from '../../src/policy/explain/change-policy.ts';
import {
  type AuthzRequest,
  type CompilableResource,
  compile,
  compileSteps,
  evaluate,
  explain,
  type PolicySnapshot,
} from '../../src/policy/index.ts';
import type { AuthorizationPolicySpec } from '../../src/policy/source.ts';
import { SpiffeId } from '../../src/spiffe/index.ts';
import { evaluateNaively } from '../../test/support/naive/evaluate.ts';
import type { PlainPolicy } from '../../test/support/naive/model.ts';
import { against, cpuPerCall, type Figure } from '../support/bench.ts';

/**
 * The policy engine in process, on one core: what a decision costs as policies grow, what compiling costs, and the worst
 * inputs that the limits let through.
 */
export async function bench(): Promise<readonly Figure[]> {
  return [...(await decisions()), ...(await compiling()), ...(await worstInputs())];
}

const sizes = [1, 10, 100, 1_000, 10_000] as const;
const calls = 40_000;

/**
 * Policies of many namespaces and apps, and the same number over one workload. The floor of 10,000 policies is what 100
 * cost; of the smaller ones, what the naive evaluator takes for the same answer.
 */
async function decisions(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const shape of ['spread', 'crowded'] as const) {
    let hundred = Number.NaN;
    for (const size of sizes) {
      const snapshot = compile(policies(size, 3, shape));
      const request = allowedRequest(size, shape);
      expectAllowed(snapshot, request);
      const value = await cpuPerCall(calls, () => evaluate(snapshot, request));
      if (size === 100) hundred = value;
      const floor = size === 10_000 ? hundred : await naiveCost(size, shape);
      figures.push(
        against(floor, { name: `decision, HTTP allow, ${size} policies, ${shape}`, value, unit: 'µs CPU' }),
      );
      if (size === 1_000)
        figures.push({
          name: `decisions a second, ${size} policies, ${shape}`,
          value: 1e6 / value,
          unit: '1/s',
        });
    }
  }
  return [...figures, ...(await denials())];
}

async function denials(): Promise<readonly Figure[]> {
  const snapshot = compile(policies(1_000, 3, 'spread'));
  const denied = { ...allowedRequest(1_000, 'spread'), connection: plaintext };
  const figures: Figure[] = [];
  figures.push({
    name: 'decision, HTTP deny without identity, 1000 policies',
    value: await cpuPerCall(calls, () => evaluate(snapshot, denied)),
    unit: 'µs CPU',
  });
  figures.push({
    name: 'explain of that deny',
    value: await cpuPerCall(200, () => explain(snapshot, denied), 3),
    unit: 'µs CPU',
  });
  return figures;
}

async function compiling(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const [size, rules] of [
    [1_000, 10],
    [10_000, 10],
  ] as const) {
    const given = policies(size, rules, 'spread');
    globalThis.gc?.();
    const heapBefore = process.memoryUsage().heapUsed;
    const { snapshot, totalMs, longestMs } = compileInSlices(given);
    globalThis.gc?.();
    const name = `${size} policies × ${rules} rules`;
    figures.push({ name: `compile ${name}`, value: totalMs, unit: 'ms' });
    figures.push({ name: `longest slice, ${name}`, value: longestMs, unit: 'ms CPU' });
    if (globalThis.gc !== undefined)
      figures.push({
        name: `memory, ${name}`,
        value: (process.memoryUsage().heapUsed - heapBefore) / size,
        unit: 'B/policy',
      });
    const edited = [...given.slice(1), ...policies(1, rules + 1, 'spread')];
    const edit = compileInSlices(edited, snapshot);
    figures.push(
      against(totalMs, { name: `compile again after one edit, ${name}`, value: edit.totalMs, unit: 'ms' }),
    );
    figures.push({ name: `longest slice of that, ${name}`, value: edit.longestMs, unit: 'ms CPU' });
  }
  return figures;
}

/** Drives the steps by a clock, as the server does; nothing is done between the slices. */
function compileInSlices(given: readonly CompilableResource[], previous?: PolicySnapshot) {
  const startedAt = performance.now();
  let sliceAt = startedAt;
  let longestMs = 0;
  let cpuAt = process.threadCpuUsage();
  const shouldPause = () => performance.now() - sliceAt >= 2;
  const steps = compileSteps(given, {}, { previous, shouldPause });
  for (;;) {
    const step = steps.next();
    const now = performance.now();
    const cpu = process.threadCpuUsage(cpuAt);
    longestMs = Math.max(longestMs, (cpu.user + cpu.system) / 1_000);
    sliceAt = now;
    cpuAt = process.threadCpuUsage();
    if (step.done) return { snapshot: step.value, totalMs: now - startedAt, longestMs };
  }
}

async function worstInputs(): Promise<readonly Figure[]> {
  const figure = async (name: string, snapshot: PolicySnapshot, request: AuthzRequest): Promise<Figure> => ({
    name,
    value: await cpuPerCall(2_000, () => evaluate(snapshot, request), 3),
    unit: 'µs CPU',
  });
  const usual = compile(policies(1_000, 3, 'spread'));
  const request = allowedRequest(1_000, 'spread');
  const withPath = (path: string): AuthzRequest => ({ ...request, http: { ...http(), path } });
  const headers = new Map(Array.from({ length: 100 }, (_, i) => [`x-header-${i}`, ['value of a header']]));
  const ranges = Array.from({ length: 5_000 }, (_, i) => `10.${(i >> 8) & 255}.${i & 255}.0/24`);
  const many = Array.from({ length: 1_000 }, (_, i) => `cluster.local/ns/web/sa/many-${i}`);
  return [
    await figure('8 KiB path, plain', usual, withPath(`/${'a'.repeat(8_191)}`)),
    await figure('8 KiB path of escapes', usual, withPath(`/${'%61'.repeat(2_730)}`)),
    await figure('8 KiB path of dot segments', usual, withPath('/a/..'.repeat(1_638))),
    await figure('100 headers', usual, { ...request, http: { ...http(), headers } }),
    await figure(
      '5,000 CIDRs in one rule, last one',
      oneRule({ source: { ...emptySource, ipBlocks: ranges } }),
      {
        ...request,
        connection: { ...connection('front'), sourceIp: parseIp('10.19.135.9') },
      },
    ),
    await figure(
      '1,000 principals in one rule, last one',
      oneRule({ source: { ...emptySource, principals: many } }),
      {
        ...request,
        connection: connection('many-999'),
      },
    ),
    await figure(
      '1,000 prefixes in one rule, none',
      oneRule({ operation: { ...emptyOperation, paths: many.map((name) => `/${name}/*`) } }),
      withPath(`/${'cluster.local/'.repeat(500)}`),
    ),
  ];
}

type Shape = 'spread' | 'crowded';

/** `spread`: 100 namespaces, each app its own policies. `crowded`: all for one namespace, without selectors. */
function policies(size: number, rules: number, shape: Shape): CompilableResource[] {
  return Array.from({ length: size }, (_, i) => ({
    kind: 'AuthorizationPolicy',
    metadata: { name: `policy-${i}`, namespace: shape === 'spread' ? `namespace-${i % 100}` : 'namespace-0' },
    spec: {
      selector:
        shape === 'spread' ? { matchLabels: new Map([['app', `app-${Math.floor(i / 100)}`]]) } : undefined,
      action: i % 5 === 4 ? 'DENY' : 'ALLOW',
      rules: Array.from({ length: rules }, (_, rule) => ({
        from: [{ ...emptySource, principals: [`cluster.local/ns/web/sa/caller-${i}-${rule}`] }],
        to: [{ ...emptyOperation, methods: ['GET'], paths: [`/api/v${rule}/*`] }],
        when: [],
      })),
    },
  }));
}

/** The same decision by the evaluator that reads every policy every time. */
async function naiveCost(size: number, shape: Shape): Promise<number> {
  const plain = policies(size, 3, shape).map(toPlain);
  const { destination, connection: facts } = allowedRequest(size, shape);
  const workload = {
    name: 'app',
    namespace: destination.namespace,
    labels: Object.fromEntries(destination.labels),
    ports: { 8080: 'HTTP' as const },
  };
  const request = {
    from: facts.peer?.uri ?? '',
    tls: 'mutual' as const,
    alpn: 'mesh-http' as const,
    certificate: 'good' as const,
    port: 8080,
    http: { method: 'GET', path: '/api/v0/items?page=2', host: 'app.example', headers: {} },
    tokens: [],
    custom: {},
  };
  const decide = () => evaluateNaively(plain, {}, workload, request);
  if (decide().outcome !== 'allow')
    throw new TypeError('the naive evaluator does not allow the bench request');
  return cpuPerCall(Math.max(5, Math.floor(4_000 / size)), decide, 3);
}

function toPlain(resource: CompilableResource): PlainPolicy {
  const { action, selector, rules } = resource.spec as AuthorizationPolicySpec;
  const written = (entry: object) =>
    Object.fromEntries(Object.entries(entry).filter(([, values]) => values.length > 0));
  return {
    kind: resource.kind,
    metadata: { name: resource.metadata.name, namespace: resource.metadata.namespace },
    spec: {
      action,
      selector: selector && { matchLabels: Object.fromEntries(selector.matchLabels) },
      rules: rules.map(({ from, to }) => ({
        from: from.map((source) => ({ source: written(source) })),
        to: to.map((operation) => ({ operation: written(operation) })),
      })),
    },
  };
}

function oneRule(entry: { source?: typeof emptySource; operation?: typeof emptyOperation }): PolicySnapshot {
  const rule = {
    from: entry.source === undefined ? [] : [entry.source],
    to: entry.operation === undefined ? [] : [entry.operation],
    when: [],
  };
  const spec = { action: 'ALLOW' as const, rules: [rule] };
  const policy = { kind: 'AuthorizationPolicy', metadata: { name: 'one', namespace: 'namespace-0' }, spec };
  return compile([policy]);
}

function allowedRequest(size: number, shape: Shape): AuthzRequest {
  // The first policy of the last app that has one: an ALLOW in every size.
  const last = shape === 'spread' ? Math.floor((size - 1) / 100) * 100 : Math.floor((size - 1) / 5) * 5;
  return {
    connection: connection(`caller-${last}-0`),
    http: http(),
    tokens: [],
    destination: {
      namespace: 'namespace-0',
      labels: new Map([
        ['app', `app-${Math.floor(last / 100)}`],
        ['version', 'v1'],
      ]),
      ports: new Map([[8080, 'http']]),
    },
  };
}

function http() {
  const headers = new Map(Array.from({ length: 20 }, (_, i) => [`x-header-${i}`, ['value']]));
  return { method: 'GET', authority: 'app.example', path: '/api/v0/items?page=2', scheme: 'https', headers };
}

function connection(account: string): AuthzRequest['connection'] {
  return {
    tls: 'mutual',
    alpn: 'istio-h2',
    peer: SpiffeId.parse(`spiffe://cluster.local/ns/web/sa/${account}`),
    sourceIp: parseIp('10.0.0.7'),
    destinationPort: 8080,
  };
}

const plaintext: AuthzRequest['connection'] = {
  tls: 'none',
  sourceIp: parseIp('10.0.0.7'),
  destinationPort: 8080,
};

function expectAllowed(snapshot: PolicySnapshot, request: AuthzRequest): void {
  const { outcome, reason } = evaluate(snapshot, request);
  if (outcome !== 'allow' || reason !== 'allowed_by_policy')
    throw new TypeError(`the bench request is not allowed: ${reason}`);
}
