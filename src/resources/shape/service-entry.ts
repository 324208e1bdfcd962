import { parseIpBlock } from '../../base/ip.ts';
import { type ServiceEntrySpec, type ServicePort, servicePortProtocols } from '../kinds/service-entry.ts';
import type { PositionedNode } from '../read/node.ts';
import { type CheckText, Fields } from './fields.ts';
import { quoted, type Report } from './report.ts';
import { isHostName, portRange, readWorkloadEntry } from './workload-entry.ts';

const fieldNames = [
  'hosts',
  'addresses',
  'ports',
  'location',
  'resolution',
  'endpoints',
  'workloadSelector',
  'exportTo',
  'subjectAltNames',
];

export function readServiceEntry(node: PositionedNode, report: Report): ServiceEntrySpec | undefined {
  const fields = Fields.of(node, fieldNames, report);
  if (fields === undefined) return undefined;
  const hosts = fields.texts('hosts', checkHost);
  if (hosts.length === 0) fields.missing('hosts');
  const ports = fields.list('ports', readPort) ?? [];
  checkPortsDiffer(fields, ports);
  if (fields.has('endpoints') && fields.has('workloadSelector'))
    report.add(
      'CAS0916',
      fields.key('workloadSelector'),
      'both `endpoints` and `workloadSelector` are written',
    );
  return Object.freeze({
    hosts,
    addresses: fields.texts('addresses', checkAddress),
    ports,
    location: fields.oneOf('location', ['MESH_EXTERNAL', 'MESH_INTERNAL']) ?? 'MESH_EXTERNAL',
    resolution:
      fields.oneOf('resolution', ['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS']) ?? 'NONE',
    endpoints: fields.list('endpoints', readWorkloadEntry) ?? [],
    workloadSelector: fields.object('workloadSelector', readLabels),
    exportTo: fields.texts('exportTo'),
    subjectAltNames: fields.texts('subjectAltNames'),
  });
}

function readLabels(node: PositionedNode, report: Report): ReadonlyMap<string, string> | undefined {
  const fields = Fields.of(node, ['labels'], report);
  return fields?.textMap('labels', (key, value, at) => {
    if (key === '' || `${key}${value}`.includes('*'))
      report.add('CAS0701', at, 'a label is empty or holds a `*`');
  });
}

function readPort(node: PositionedNode, report: Report): ServicePort | undefined {
  const fields = Fields.of(node, ['number', 'protocol', 'name', 'targetPort'], report);
  if (fields === undefined) return undefined;
  if (!fields.has('number')) fields.missing('number');
  const number = fields.integer('number', portRange);
  const name = fields.requiredText('name') ?? '';
  const protocol = fields.text('protocol', checkProtocol)?.toUpperCase() || undefined;
  if (number === undefined) return undefined;
  return Object.freeze({ number, protocol, name, targetPort: fields.integer('targetPort', portRange) });
}

function checkPortsDiffer(fields: Fields, ports: readonly ServicePort[]): void {
  for (const name of ['name', 'number'] as const)
    if (new Set(ports.map((port) => port[name])).size < ports.length)
      fields.report.add('CAS0916', fields.key('ports'), `two ports have one ${name}`);
}

const checkProtocol: CheckText = (value, node, report) => {
  if (value !== '' && !servicePortProtocols.some((known) => known === value.toUpperCase()))
    report.add('CAS0915', node, `${quoted(value)} is not one of ${servicePortProtocols.join(', ')}`);
};

const checkHost: CheckText = (value, node, report) => {
  const name = value.startsWith('*.') ? value.slice(2) : value;
  if (!isHostName(name))
    report.add('CAS0916', node, `${quoted(value)} is not a host name, or one after \`*.\``);
};

const checkAddress: CheckText = (value, node, report) => {
  if (parseIpBlock(value) === undefined)
    report.add('CAS0737', node, `${quoted(value)} is not an IP address or CIDR range`);
};
