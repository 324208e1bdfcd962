import { type MtlsMode, mtlsModes, type PeerAuthenticationSpec } from '../kinds/peer-authentication.ts';
import type { PositionedNode } from '../read/node.ts';
import { Fields } from './fields.ts';
import { quoted, type Report } from './report.ts';
import { isNull } from './scalars.ts';
import { readSelector } from './selection.ts';

/** policy.md 5.1 row 5. */
export function readPeerAuthentication(
  node: PositionedNode,
  report: Report,
): PeerAuthenticationSpec | undefined {
  const fields = Fields.of(node, ['selector', 'mtls', 'portLevelMtls'], report);
  if (fields === undefined) return undefined;
  const selector = fields.object('selector', readSelector);
  const portModes = fields.object('portLevelMtls', readPortModes) ?? new Map<number, MtlsMode>();
  if (fields.has('portLevelMtls') && (selector === undefined || selector.matchLabels.size === 0))
    report.add('CAS0711', fields.key('portLevelMtls'), '`portLevelMtls` stands without a selector');
  return Object.freeze({ selector, mode: fields.object('mtls', readMode) ?? 'UNSET', portModes });
}

function readMode(node: PositionedNode, report: Report): MtlsMode | undefined {
  return Fields.of(node, ['mode'], report)?.oneOf('mode', mtlsModes) ?? 'UNSET';
}

function readPortModes(node: PositionedNode, report: Report): ReadonlyMap<number, MtlsMode> | undefined {
  if (node.kind !== 'map') {
    report.add('CAS0909', node, 'expected an object of ports');
    return undefined;
  }
  if (node.entries.length === 0) report.add('CAS0711', node, '`portLevelMtls` is empty');
  const modes = new Map<number, MtlsMode>();
  for (const { key, value } of node.entries) {
    const port = /^[1-9][0-9]{0,4}$/.test(key.text) ? Number(key.text) : 0;
    if (port < 1 || port > 65_535)
      report.add('CAS0711', key, `${quoted(key.text)} is not a port from 1 to 65535`);
    else if (modes.has(port)) report.add('CAS0906', key, `the port ${port} is written twice`);
    const mode = isNull(value) ? undefined : readMode(value, report);
    if (mode === undefined && isNull(value))
      report.add('CAS0711', value, `the port ${quoted(key.text)} has no mode`);
    modes.set(port, mode ?? 'UNSET');
  }
  return modes;
}
