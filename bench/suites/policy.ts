import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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
import { parseResources } from '../../src/resources/index.ts';
import { SpiffeId } from '../../src/spiffe/index.ts';
import { evaluateNaively } from '../../test/support/naive/evaluate.ts';
import type { PlainPolicy } from '../../test/support/naive/model.ts';
import { against, cpuPerCall, type Figure, percentile } from '../support/bench.ts';

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
 * Policies of many namespaces and apps, and the same number over one workload. The floor is what the naive evaluator
 * takes for the same answer; one row more sets 10,000 policies beside 100.
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
      const name = `decision, HTTP allow, ${size} policies, ${shape}`;
      figures.push(against(await naiveCost(size, shape), { name, value, unit: 'µs CPU' }));
      figures.push({
        name: `decisions a second, ${size} policies, ${shape}`,
        value: 1e6 / value,
        unit: '1/s',
      });
      if (size === 10_000)
        figures.push(
          against(hundred, { name: `10000 policies beside 100, ${shape}`, value, unit: 'µs CPU' }),
        );
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
    name: 'explain of that deny, with changes that would allow it',
    value: await cpuPerCall(200, () => explain(snapshot, denied), 3),
    unit: 'µs CPU',
  });
  figures.push({
    name: 'explain of that deny, without',
    value: await cpuPerCall(2_000, () => explain(snapshot, denied, { suggest: false }), 3),
    unit: 'µs CPU',
  });
  return figures;
}

async function compiling(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const [size, rules] of [
    [1_000, 10],
    [10_000, 10],
    [10_000, 100],
  ] as const) {
    const given = policies(size, rules, 'spread');
    collectGarbage();
    const heapBefore = process.memoryUsage().heapUsed;
    const { snapshot, ...first } = compileInSlices(given);
    collectGarbage();
    const name = `${size} policies × ${rules} rules`;
    figures.push({ name: `compile ${name}`, value: first.cpuMs, unit: 'ms CPU' });
    figures.push(...sliceFigures(name, first));
    figures.push({
      name: `memory, ${name}`,
      value: (process.memoryUsage().heapUsed - heapBefore) / size,
      unit: 'B/policy',
    });
    const edited = [...given.slice(1), ...policies(1, rules + 1, 'spread')];
    const edit = compileInSlices(edited, snapshot);
    figures.push(
      against(first.cpuMs, {
        name: `compile again after one edit, ${name}`,
        value: edit.cpuMs,
        unit: 'ms CPU',
      }),
    );
    figures.push(...sliceFigures(`the edit of ${name}`, edit));
  }
  return [...figures, ...parsing()];
}

/** From YAML to parsed and validated objects: a cost of its own, which compiling does not have. */
function parsing(): readonly Figure[] {
  const text = policies(1_000, 10, 'spread').map(toYaml).join('---\n');
  const at = process.threadCpuUsage();
  const { resources, findings } = parseResources(text, { file: 'bench.yaml' });
  if (resources.length !== 1_000) throw new TypeError(`not read: ${findings[0]?.message ?? ''}`);
  const ms = cpuMsSince(at);
  return [
    { name: 'parse and validate YAML, 1000 policies × 10 rules', value: ms, unit: 'ms CPU' },
    { name: 'the same', value: text.length / 1_000 / ms, unit: 'MB/s' },
  ];
}

function toYaml(resource: CompilableResource): string {
  const { kind, metadata, spec } = toPlain(resource);
  return `${JSON.stringify(
    { apiVersion: 'security.istio.io/v1', kind, metadata, spec },
    undefined,
    1,
  ).replace(/^ *"([a-zA-Z]+)":/gm, (line) => line.replaceAll('"', ''))}\n`;
}

/** Drives the steps by a clock, as the server does; nothing is done between the slices. */
function compileInSlices(given: readonly CompilableResource[], previous?: PolicySnapshot) {
  const startedAt = process.threadCpuUsage();
  const slices: number[] = [];
  let sliceAt = performance.now();
  let cpuAt = process.threadCpuUsage();
  const shouldPause = () => performance.now() - sliceAt >= 2;
  const steps = compileSteps(given, {}, { previous, shouldPause });
  for (;;) {
    const step = steps.next();
    slices.push(cpuMsSince(cpuAt));
    sliceAt = performance.now();
    cpuAt = process.threadCpuUsage();
    if (step.done) return { snapshot: step.value, cpuMs: cpuMsSince(startedAt), slices };
  }
}

/** The longest time that nothing else gets a turn. Pauses of the garbage collector are in it. */
function sliceFigures(name: string, { slices }: { readonly slices: readonly number[] }): readonly Figure[] {
  return [
    { name: `longest slice, ${name}`, value: Math.max(...slices), unit: 'ms CPU' },
    { name: `99 of 100 slices are shorter than, ${name}`, value: percentile(slices, 0.99), unit: 'ms CPU' },
  ];
}

function cpuMsSince(at: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(at);
  return (user + system) / 1_000;
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
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
        from: [{ ...emptySource, principals: [asRead(`cluster.local/ns/web/sa/caller-${i}-${rule}`)] }],
        to: [{ ...emptyOperation, methods: ['GET'], paths: [asRead(`/api/v${rule}/*`)] }],
        when: [],
      })),
    },
  }));
}

/** In one piece, as the parser gives it: a text put together by the engine is taken apart at its first use. */
function asRead(text: string): string {
  return Buffer.from(text).toString();
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
