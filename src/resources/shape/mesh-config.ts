import { isTrustDomain } from '../../spiffe/index.ts';
import {
  defaultMeshConfig,
  type ExtensionProvider,
  type MeshConfigSpec,
  pathNormalizations,
} from '../kinds/mesh-config.ts';
import type { PositionedNode } from '../read/node.ts';
import { readProvider } from './extension-provider.ts';
import { type CheckText, Fields } from './fields.ts';
import { meshFields } from './mesh-fields.ts';
import { isDnsLabel } from './metadata.ts';
import { quoted, type Report } from './report.ts';

/** Istio's own field names; what decides nothing here is known and read past. */
export function readMeshConfig(node: PositionedNode, report: Report): MeshConfigSpec | undefined {
  const fields = Fields.of(node, meshFields, report);
  if (fields === undefined) return undefined;
  const path = fields.object('pathNormalization', readNormalization);
  return Object.freeze({
    trustDomain: fields.text('trustDomain', checkTrustDomain) || defaultMeshConfig.trustDomain,
    trustDomainAliases: fields.texts('trustDomainAliases', checkAlias),
    caTrustDomains: (fields.list('caCertificates', readCaTrustDomains) ?? []).flat(),
    rootNamespace: fields.text('rootNamespace', checkNamespace) || defaultMeshConfig.rootNamespace,
    pathNormalization: path === undefined || path === 'DEFAULT' ? defaultMeshConfig.pathNormalization : path,
    extensionProviders: readProviders(fields),
    enableAutoMtls: fields.flag('enableAutoMtls') ?? true,
    numTrustedProxies: fields.object('defaultConfig', readTrustedProxies) ?? 0,
  });
}

function readNormalization(node: PositionedNode, report: Report) {
  return Fields.of(node, ['normalization'], report)?.oneOf('normalization', pathNormalizations);
}

function readCaTrustDomains(node: PositionedNode, report: Report): readonly string[] | undefined {
  const known = ['pem', 'spiffeBundleUrl', 'certSigners', 'trustDomains'];
  return Fields.of(node, known, report)?.texts('trustDomains', checkTrustDomain);
}

/** ProxyConfig is large and only one number in it decides anything: its other fields are not looked at. */
function readTrustedProxies(node: PositionedNode, report: Report): number | undefined {
  const topology = node.kind === 'map' ? node.get('gatewayTopology') : undefined;
  const fields =
    topology &&
    Fields.of(topology, ['numTrustedProxies', 'forwardClientCertDetails', 'proxyProtocol'], report);
  return fields?.integer('numTrustedProxies', { min: 0, max: 1000 });
}

function readProviders(fields: Fields): readonly ExtensionProvider[] {
  const names = new Set<string>();
  return (fields.list('extensionProviders', readProvider) ?? []).flatMap(({ provider, name, node }) => {
    if (names.has(name)) fields.report.add('CAS0906', node, `the provider ${quoted(name)} is written twice`);
    names.add(name);
    return provider === undefined ? [] : [provider];
  });
}

const checkTrustDomain: CheckText = (value, node, report) => {
  if (value !== '' && !isTrustDomain(value))
    report.add('CAS0916', node, `${quoted(value)} is not a trust domain`);
};

/** Istio lets an alias match by wildcard. */
const checkAlias: CheckText = (value, node, report) => {
  if (!isTrustDomain(value.replace(/^\*|\*$/, '').replace(/^$/, 'x')))
    report.add('CAS0916', node, `${quoted(value)} is not a trust domain`);
};

const checkNamespace: CheckText = (value, node, report) => {
  if (value !== '' && !isDnsLabel(value)) report.add('CAS0916', node, `${quoted(value)} is not a namespace`);
};
