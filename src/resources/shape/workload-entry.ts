import { parseIp } from '../../base/ip.ts';
import type { WorkloadEntrySpec } from '../kinds/workload-entry.ts';
import type { PositionedNode } from '../read/node.ts';
import { type CheckText, Fields } from './fields.ts';
import { labelProblem } from './metadata.ts';
import { quoted, type Report } from './report.ts';
import { readInteger } from './scalars.ts';

const fieldNames = ['address', 'ports', 'labels', 'network', 'locality', 'weight', 'serviceAccount'];

export const portRange = { min: 1, max: 65_535 } as const;

/** Also an endpoint of a ServiceEntry. */
export function readWorkloadEntry(node: PositionedNode, report: Report): WorkloadEntrySpec | undefined {
  const fields = Fields.of(node, fieldNames, report);
  if (fields === undefined) return undefined;
  const address = fields.text('address', checkAddress);
  const network = fields.text('network');
  if ((address ?? '') === '' && (network ?? '') === '')
    report.add('CAS0910', node, '`address` is required where no `network` is named');
  return Object.freeze({
    address: address || undefined,
    ports: fields.object('ports', readPorts) ?? new Map<string, number>(),
    labels: fields.textMap('labels', (key, value, at) => {
      const problem = labelProblem(key, value);
      if (problem !== undefined) report.add('CAS0912', at, problem);
    }),
    network: network || undefined,
    locality: fields.text('locality') || undefined,
    weight: fields.integer('weight', { min: 0, max: 4_294_967_295 }),
    serviceAccount: fields.text('serviceAccount', checkAccount) || undefined,
  });
}

function readPorts(node: PositionedNode, report: Report): ReadonlyMap<string, number> {
  const ports = new Map<string, number>();
  if (node.kind !== 'map') {
    report.add('CAS0909', node, 'expected an object of port names and numbers');
    return ports;
  }
  for (const { key, value } of node.entries) {
    const port = readInteger(value, portRange, report);
    if (port !== undefined) ports.set(key.text, port);
  }
  return ports;
}

const checkAccount: CheckText = (value, node, report) => {
  if (value.length > 253 || (value !== '' && !/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/.test(value)))
    report.add('CAS0916', node, `${quoted(value)} is not a service account's name`);
};

const host =
  /^(?=.{1,255}$)[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?)*\.?$/;

/** A host name with no wildcard, port or scheme. */
export function isHostName(text: string): boolean {
  return host.test(text);
}

const checkAddress: CheckText = (value, node, report) => {
  if (value === '' || parseIp(value) !== undefined) return;
  const isPath = /^unix:\/\/(\/|@)[^\0]+$/.test(value);
  const looksLikeIp = /^[0-9.]+$/.test(value) || value.includes(':');
  if (!isPath && (looksLikeIp || !isHostName(value)))
    report.add('CAS0916', node, `${quoted(value)} is not an IP address, a host name or unix:///path`);
};
