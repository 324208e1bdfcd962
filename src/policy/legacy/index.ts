import {
  type Finding,
  hasErrors,
  isNull,
  type LegacyDocument,
  type ParseResult,
  Report,
  readMetadata,
} from '../../resources/index.ts';
import { convertPolicy } from './authentication.ts';
import type { LegacyObject, LegacyPolicy, RbacConfig, ServiceRole, ServiceRoleBinding } from './model.ts';
import { Conversion, type Converted } from './output.ts';
import { convertRbac } from './rbac.ts';
import { readPolicy } from './read-authentication.ts';
import { readRbacConfig, readServiceRole, readServiceRoleBinding } from './read-rbac.ts';
import { knownServices } from './services.ts';

export { conversionCatalogue } from './catalogue.ts';
export type { Converted, Manifest } from './output.ts';

export interface ConvertOptions {
  /** Where mesh-wide policies go. Default istio-system. */
  readonly rootNamespace?: string;
  readonly defaultNamespace?: string;
}

export interface ConvertResult {
  readonly converted: readonly Converted[];
  readonly findings: readonly Finding[];
}

/**
 * Authentication and RBAC policies of Istio 1.0 to 1.4 as policies of today. Whatever has no exact equal is a finding,
 * and is written so that it allows less, never more. Kubernetes Services among the documents tell labels and ports.
 */
export function convertLegacy(result: ParseResult, options: ConvertOptions = {}): ConvertResult {
  const defaultNamespace = options.defaultNamespace ?? 'default';
  const conversion = new Conversion(options.rootNamespace ?? 'istio-system');
  const services = knownServices(result, defaultNamespace);
  const objects: LegacyObjects = { policies: [], configs: [], roles: [], bindings: [] };
  const readFindings: Finding[] = [];
  for (const document of result.legacy) {
    const report = new Report();
    const value = readValue(document, defaultNamespace, report);
    if (value !== undefined && !hasErrors(report.findings)) value(objects);
    readFindings.push(...report.findings);
  }
  for (const policy of objects.policies) convertPolicy(conversion, policy, services);
  convertRbac(conversion, { ...objects, services });
  return { converted: conversion.converted, findings: [...readFindings, ...conversion.findings] };
}

interface LegacyObjects {
  readonly policies: LegacyPolicy[];
  readonly configs: RbacConfig[];
  readonly roles: ServiceRole[];
  readonly bindings: ServiceRoleBinding[];
}

/** Reads one document; the answer puts it where it belongs. */
function readValue(
  { root, kind }: LegacyDocument,
  defaultNamespace: string,
  report: Report,
): ((objects: LegacyObjects) => void) | undefined {
  const metadata = readMetadata(
    root.get('metadata') ?? root.emptyChild('metadata'),
    defaultNamespace,
    report,
  );
  if (metadata === undefined) return undefined;
  const { name, namespace } = metadata;
  report.title = `${kind} ${namespace}/${name}`;
  const object: LegacyObject = { kind, name, namespace, root };
  const node = root.get('spec');
  const spec = node === undefined || isNull(node) ? root.emptyChild('spec') : node;
  switch (kind) {
    case 'Policy':
    case 'MeshPolicy':
      return put(readPolicy(object, spec, report), (value, { policies }) => policies.push(value));
    case 'ServiceRole':
      return put(readServiceRole(object, spec, report), (value, { roles }) => roles.push(value));
    case 'ServiceRoleBinding':
      return put(readServiceRoleBinding(object, spec, report), (value, { bindings }) => bindings.push(value));
    default:
      return put(readRbacConfig(object, spec, report), (value, { configs }) => configs.push(value));
  }
}

function put<T>(value: T | undefined, into: (value: T, objects: LegacyObjects) => void) {
  return value === undefined ? undefined : (objects: LegacyObjects) => into(value, objects);
}
