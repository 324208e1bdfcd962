import { CastellanError } from '../../base/errors.ts';
import {
  isReservedId,
  isTrustDomain,
  parseSelector,
  type Selector,
  SpiffeId,
  type TrustDomain,
} from '../../spiffe/index.ts';
import type { IdentityRegistrationSpec } from '../kinds/identity-registration.ts';
import type { PositionedNode } from '../read/node.ts';
import { Fields } from './fields.ts';
import { quoted, type Report } from './report.ts';
import { readDuration, readInstant, readText } from './scalars.ts';
import { isHostName } from './workload-entry.ts';

const fieldNames = [
  'spiffeId',
  'parentId',
  'selectors',
  'x509Ttl',
  'jwtTtl',
  'dnsNames',
  'hint',
  'federatesWith',
  'node',
  'instanceUid',
  'expiresAt',
];
const maxHint = 1024;
const maxItems = 256;

export function readIdentityRegistration(
  node: PositionedNode,
  report: Report,
): IdentityRegistrationSpec | undefined {
  const fields = Fields.of(node, fieldNames, report);
  if (fields === undefined) return undefined;
  if (!fields.has('spiffeId')) fields.missing('spiffeId');
  const spiffeId = fields.object('spiffeId', readSpiffeId);
  if (spiffeId !== undefined) checkRegistrable(spiffeId, fields);
  const selectors = fields.list('selectors', readSelector) ?? [];
  if (selectors.length === 0 && !fields.has('node'))
    report.add(
      'CAS0910',
      node,
      '`selectors` is required: a registration without any would fit every workload',
    );
  for (const name of ['selectors', 'dnsNames', 'federatesWith']) checkCount(fields, name);
  if (spiffeId === undefined) return undefined;
  return Object.freeze({
    spiffeId,
    parentId: fields.object('parentId', readSpiffeId),
    selectors,
    x509TtlSeconds: seconds(fields.object('x509Ttl', readDuration)),
    jwtTtlSeconds: seconds(fields.object('jwtTtl', readDuration)),
    dnsNames: fields.list('dnsNames', readDnsName) ?? [],
    hint: fields.text('hint', (value, at) => {
      if (value.length > maxHint) report.add('CAS0746', at, `a hint is longer than ${maxHint} characters`);
    }),
    federatesWith: fields.list('federatesWith', readTrustDomain) ?? [],
    node: fields.text('node') || undefined,
    instanceUid: fields.text('instanceUid') || undefined,
    expiresAt: fields.object('expiresAt', readInstant),
  });
}

function checkRegistrable(id: SpiffeId, fields: Fields): void {
  const at = fields.node.get('spiffeId') ?? fields.node;
  if (id.path === '')
    fields.report.add('CAS0748', at, `${quoted(id.uri)} names a trust domain and no workload`);
  if (isReservedId(id))
    fields.report.add(
      'CAS0748',
      at,
      `${quoted(id.uri)} is reserved: only node attestation makes IDs under /castellan`,
    );
}

function checkCount(fields: Fields, name: string): void {
  const list = fields.node.get(name);
  if (list?.kind === 'list' && list.items.length > maxItems)
    fields.report.add(
      'CAS0746',
      list,
      `${list.items.length} values in \`${name}\`, at most ${maxItems} are allowed`,
    );
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.floor(ms / 1000);
}

export function readSpiffeId(node: PositionedNode, report: Report): SpiffeId | undefined {
  return convert(node, report, (text) => SpiffeId.parse(text));
}

function readSelector(node: PositionedNode, report: Report): Selector | undefined {
  return convert(node, report, parseSelector);
}

export function readTrustDomain(node: PositionedNode, report: Report): TrustDomain | undefined {
  const text = readText(node, report);
  if (text === undefined || isTrustDomain(text)) return text;
  report.add('CAS0916', node, `${quoted(text)} is not a trust domain`);
  return undefined;
}

function readDnsName(node: PositionedNode, report: Report): string | undefined {
  const text = readText(node, report);
  if (text !== undefined && !isHostName(text.replace(/^\*\./, ''))) {
    report.add('CAS0916', node, `${quoted(text)} is not a DNS name`);
    return undefined;
  }
  return text;
}

/** Text to a value of the vocabulary; what its parser refuses is a finding. */
function convert<T>(node: PositionedNode, report: Report, parse: (text: string) => T): T | undefined {
  const text = readText(node, report);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof CastellanError)) throw error;
    report.add(error.code === 'SPIFFE_ID_MALFORMED' ? 'CAS0748' : 'CAS0916', node, error.publicMessage, {
      fix: error.next,
    });
    return undefined;
  }
}
