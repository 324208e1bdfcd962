import {
  Fields,
  type Finding,
  MapNode,
  type PolicyTest,
  type PositionedNode,
  quoted,
  Report,
  readText,
  resourceTitle,
  ScalarNode,
} from '../../resources/index.ts';
import type { PortProtocol, ServiceRef, WorkloadFacts } from '../request.ts';
import type { MatrixCell, Mode, PolicyTestCase, PolicyTestDefinition } from './model.ts';
import { readExpectation } from './read-expectation.ts';
import { complain, readRequest, requestFields } from './read-request.ts';

const testFields = ['description', 'policies', 'modes', 'settings', 'workloads', 'cases', 'matrix'];

/** Reads a PolicyTest's spec; findings tell file, line and field of what cannot be used. */
export function readPolicyTest(test: PolicyTest): {
  definition: PolicyTestDefinition;
  findings: readonly Finding[];
} {
  const report = new Report();
  report.title = resourceTitle(test);
  const title = test.metadata.name;
  const fields = Fields.of(test.spec.node, testFields, report);
  if (fields === undefined)
    return {
      definition: { title, policies: [], modes: [], settings: {}, workloads: new Map(), cases: [] },
      findings: report.findings,
    };
  fields.text('description');
  const policies = fields.texts('policies');
  const modes = readModes(fields);
  const settings = fields.object('settings', readFlags) ?? {};
  const workloads = readWorkloads(fields);
  const cases = fields.list('cases', (node, r) => readCase(node, workloads, r)) ?? [];
  let matrices = 0;
  const matrix =
    fields.list('matrix', (node, r) => readMatrix(node, matrices++, { workloads, report: r })) ?? [];
  const definition = Object.freeze({
    title,
    policies,
    modes,
    settings,
    workloads,
    cases: [...cases, ...matrix.flat()],
  });
  return { definition, findings: report.findings };
}

function readModes(fields: Fields): readonly Mode[] {
  const modes = fields.texts('modes').filter((mode): mode is Mode => {
    const isMode = mode === 'default' || mode === 'strict';
    if (!isMode) complain(fields, 'modes', `${quoted(mode)} is not one of default, strict`);
    return isMode;
  });
  return modes.length === 0 ? ['default'] : modes;
}

const flags = [
  'skipTrustDomainValidation',
  'multipleCustomProviders',
  'selectorsOnGateways',
  'stripPathParameters',
] as const;

function readFlags(node: PositionedNode, report: Report): PolicyTestDefinition['settings'] {
  const fields = Fields.of(node, [...flags, 'selfProviders'], report);
  if (fields === undefined) return {};
  const given = flags.filter((flag) => fields.has(flag)).map((flag) => [flag, fields.flag(flag)]);
  const selfProviders = fields.texts('selfProviders');
  return { ...Object.fromEntries(given), ...(selfProviders.length === 0 ? {} : { selfProviders }) };
}

function readWorkloads(fields: Fields): ReadonlyMap<string, WorkloadFacts> {
  const out = new Map<string, WorkloadFacts>();
  const node = fields.get('workloads');
  if (node?.kind !== 'map') {
    if (node === undefined) fields.missing('workloads');
    else complain(fields, 'workloads', '`workloads` must be an object of names');
    return out;
  }
  for (const { key, value } of node.entries) {
    const workload = readWorkload(key.text, value, fields.report);
    if (workload !== undefined) out.set(key.text, workload);
  }
  return out;
}

const proxies = ['sidecar', 'gateway', 'waypoint', 'ztunnel'] as const;

function readWorkload(name: string, node: PositionedNode, report: Report): WorkloadFacts | undefined {
  const known = [
    'namespace',
    'labels',
    'serviceAccount',
    'ports',
    'proxy',
    'gatewayName',
    'services',
    'serviceEntries',
  ];
  const fields = Fields.of(node, known, report);
  if (fields === undefined) return undefined;
  const ports = new Map<number, PortProtocol>();
  for (const [port, protocol] of fields.textMap('ports')) {
    const lower = protocol.toLowerCase();
    if (lower === 'http' || lower === 'tcp' || lower === 'auto') ports.set(Number(port), lower);
    else complain(fields, 'ports', `${quoted(protocol)} is not one of http, tcp, auto`);
  }
  const serviceAccount = fields.text('serviceAccount');
  const proxy = fields.oneOf('proxy', proxies);
  const gatewayName = fields.text('gatewayName');
  const namespace = fields.text('namespace') ?? 'default';
  const services = [
    ...fields.texts('services').map((service) => readService(service, namespace, 'kubernetes')),
    ...fields.texts('serviceEntries').map((service) => readService(service, namespace, 'external')),
  ];
  return Object.freeze({
    name,
    namespace,
    labels: fields.textMap('labels'),
    ports,
    ...(serviceAccount === undefined ? {} : { serviceAccount }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(gatewayName === undefined ? {} : { gatewayName }),
    ...(services.length === 0 ? {} : { services }),
  });
}

/** `name` in the workload's own namespace, or `namespace/name`. */
function readService(text: string, own: string, registry: ServiceRef['registry']): ServiceRef {
  const slash = text.indexOf('/');
  return slash === -1
    ? { namespace: own, name: text, registry }
    : { namespace: text.slice(0, slash), name: text.slice(slash + 1), registry };
}

function readCase(
  node: PositionedNode,
  workloads: ReadonlyMap<string, WorkloadFacts>,
  report: Report,
): PolicyTestCase | undefined {
  const fields = Fields.of(node, ['name', 'ids', 'expect', 'strict', ...requestFields], report);
  if (fields === undefined) return undefined;
  const request = readRequest(fields, workloads);
  const expect = fields.object('expect', readExpectation);
  if (expect === undefined && !fields.has('expect')) fields.missing('expect');
  if (expect === undefined) return undefined;
  const name =
    fields.text('name') ??
    `${fields.text('from') ?? 'none'} → ${fields.text('to') ?? ''} ${fields.text('call') ?? 'TCP'}`;
  return {
    name,
    ids: fields.texts('ids'),
    request,
    expect,
    expectStrict: fields.object('strict', readExpectation),
    node,
    cell: undefined,
  };
}

/** Rows are callers, columns are calls: `expect: {CALLER: [allow, deny]}`. */
function readMatrix(
  node: PositionedNode,
  matrix: number,
  { workloads, report }: { readonly workloads: ReadonlyMap<string, WorkloadFacts>; readonly report: Report },
): readonly PolicyTestCase[] | undefined {
  const fields = Fields.of(node, ['to', 'calls', 'expect'], report);
  if (fields === undefined) return undefined;
  const calls = fields.texts('calls');
  const table = fields.get('expect');
  if (table?.kind !== 'map') {
    fields.missing('expect');
    return undefined;
  }
  return table.entries.flatMap(({ key, value }) => {
    const answers = value.kind === 'list' ? value.items : [];
    if (answers.length !== calls.length)
      report.add(
        'CAS0915',
        key,
        `${quoted(key.text)} has ${answers.length} answers for ${calls.length} calls`,
      );
    return answers.flatMap((answer, i) => {
      const to = fields.text('to') ?? '';
      const call = calls[i];
      const expect = readExpectation(answer, report);
      if (call === undefined || expect === undefined || readText(answer, report) === undefined) return [];
      return [matrixCase({ matrix, from: key.text, to, call, expect, node: answer }, workloads, fields)];
    });
  });
}

interface Cell extends MatrixCell {
  readonly expect: PolicyTestCase['expect'];
  readonly node: PositionedNode;
}

function matrixCase(
  cell: Cell,
  workloads: ReadonlyMap<string, WorkloadFacts>,
  fields: Fields,
): PolicyTestCase {
  return {
    name: `${cell.from} → ${cell.to} ${cell.call}`,
    ids: [],
    request: readRequest(writtenOut(cell, fields.report), workloads),
    expect: cell.expect,
    expectStrict: undefined,
    node: cell.node,
    cell: { matrix: cell.matrix, from: cell.from, to: cell.to, call: cell.call },
  };
}

/** A matrix cell as if it had been written as a case, placed where its answer stands. */
function writtenOut(cell: Cell, report: Report): Fields {
  const { source, start, end } = cell.node;
  const scalar = (text: string) =>
    new ScalarNode({ source, start, end }, { value: text, text, style: 'quoted', format: 'yaml' });
  const entries = (['from', 'to', 'call'] as const).map((name) => ({
    key: scalar(name),
    value: scalar(cell[name]),
  }));
  const fields = Fields.of(new MapNode(source, start, end, entries), requestFields, report);
  if (fields === undefined) throw new TypeError('a map node has fields');
  return fields;
}
