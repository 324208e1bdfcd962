import type { TrustBundleSpec } from '../kinds/trust-bundle.ts';
import type { PositionedNode } from '../read/node.ts';
import { type CheckText, Fields } from './fields.ts';
import { readSpiffeId, readTrustDomain } from './identity-registration.ts';
import { jwksProblem, secretKeys } from './key-set.ts';
import { quoted, type Report } from './report.ts';

export function readTrustBundle(node: PositionedNode, report: Report): TrustBundleSpec | undefined {
  const fields = Fields.of(node, ['trustDomain', 'bundle', 'rootsPem', 'endpoint'], report);
  if (fields === undefined) return undefined;
  if (!fields.has('trustDomain')) fields.missing('trustDomain');
  const trustDomain = fields.object('trustDomain', readTrustDomain);
  if (!['bundle', 'rootsPem', 'endpoint'].some((name) => fields.has(name)))
    report.add('CAS0910', node, 'one of `bundle`, `rootsPem` and `endpoint` is required');
  if (trustDomain === undefined) return undefined;
  return Object.freeze({
    trustDomain,
    bundle: fields.text('bundle', checkBundle) || undefined,
    rootsPem: fields.text('rootsPem', checkPem) || undefined,
    endpoint: fields.object('endpoint', readEndpoint),
  });
}

function readEndpoint(node: PositionedNode, report: Report): TrustBundleSpec['endpoint'] {
  const fields = Fields.of(node, ['url', 'profile', 'spiffeId'], report);
  if (fields === undefined) return undefined;
  const url = fields.requiredText('url', checkUrl) ?? '';
  if (!fields.has('profile')) fields.missing('profile');
  const profile = fields.oneOf('profile', ['https_web', 'https_spiffe']);
  const spiffeId = fields.object('spiffeId', readSpiffeId);
  if (profile === 'https_spiffe' && !fields.has('spiffeId')) fields.missing('spiffeId');
  if (profile === 'https_web' && spiffeId !== undefined)
    report.add('CAS0916', fields.key('spiffeId'), 'a `spiffeId` belongs to the profile https_spiffe');
  return profile && Object.freeze({ url, profile, spiffeId });
}

const checkUrl: CheckText = (value, node, report) => {
  if (!/^https:\/\/[^/?#@\s]+(?:[/?#]|$)/.test(value) || !URL.canParse(value))
    report.add('CAS0916', node, `${quoted(value)} is not an https URL without user or password`);
};

const checkBundle: CheckText = (value, node, report) => {
  const problem = jwksProblem(value);
  if (problem !== undefined) report.add('CAS0724', node, `the bundle ${problem}`);
  for (const sentence of secretKeys(value))
    report.add('CAS0725', node, sentence.replace('inline jwks', 'bundle'));
};

const checkPem: CheckText = (value, node, report) => {
  if (!value.includes('-----BEGIN CERTIFICATE-----'))
    report.add('CAS0916', node, '`rootsPem` holds no certificate');
  if (value.includes('PRIVATE KEY')) report.add('CAS0725', node, '`rootsPem` holds a private key');
};
