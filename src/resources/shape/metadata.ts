import type { PositionedNode } from '../read/node.ts';
import type { ResourceMetadata } from '../resource.ts';
import { Fields, noLabels } from './fields.ts';
import { quoted, type Report } from './report.ts';
import { readInstant } from './scalars.ts';

/** What Kubernetes writes into every object; only some of it is ours to read. */
const metadataFields = [
  'name',
  'namespace',
  'labels',
  'annotations',
  'creationTimestamp',
  'resourceVersion',
  'uid',
  'generation',
  'generateName',
  'managedFields',
  'ownerReferences',
  'finalizers',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'clusterName',
];

const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const qualifiedName = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

export function isDnsLabel(text: string): boolean {
  return text.length <= 63 && dnsLabel.test(text);
}

export function readMetadata(
  node: PositionedNode | undefined,
  defaultNamespace: string,
  report: Report,
): ResourceMetadata | undefined {
  const fields = node && Fields.of(node, metadataFields, report);
  if (fields === undefined) return undefined;
  const name = fields.requiredText('name', (value, at) => {
    if (value.length > 253 || !dnsSubdomain.test(value))
      report.add(
        'CAS0912',
        at,
        `${quoted(value)} is not an object name: lower case letters, digits, \`-\` and \`.\``,
      );
  });
  const namespace = fields.text('namespace', (value, at) => {
    if (!isDnsLabel(value))
      report.add(
        'CAS0912',
        at,
        `${quoted(value)} is not a namespace: lower case letters, digits and \`-\`, at most 63`,
      );
  });
  const created = fields.node.get('creationTimestamp');
  return Object.freeze({
    name: name ?? '',
    namespace: namespace ?? defaultNamespace,
    labels: fields.has('labels') ? fields.textMap('labels', checkLabel(report)) : noLabels,
    annotations: fields.has('annotations')
      ? fields.textMap('annotations', checkAnnotation(report))
      : noLabels,
    // Objects that Kubernetes never stored say `creationTimestamp: null`.
    createdAt:
      created === undefined || !fields.has('creationTimestamp') ? undefined : readInstant(created, report),
    resourceVersion: fields.has('resourceVersion') ? fields.text('resourceVersion') : undefined,
    uid: fields.has('uid') ? fields.text('uid') : undefined,
  });
}

function keyProblem(key: string): string | undefined {
  const slash = key.indexOf('/');
  const prefix = slash === -1 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  if (prefix !== undefined && (prefix.length > 253 || !dnsSubdomain.test(prefix)))
    return `the part before \`/\` in the key ${quoted(key)} is not a DNS name`;
  if (name.length > 63 || !qualifiedName.test(name)) return `${quoted(key)} is not a key`;
  return undefined;
}

const checkLabel = (report: Report) => (key: string, value: string, node: PositionedNode) => {
  const problem = labelProblem(key, value);
  if (problem !== undefined) report.add('CAS0912', node, problem);
};

/** Why a label cannot be one; undefined when it can. */
export function labelProblem(key: string, value: string): string | undefined {
  const problem = keyProblem(key);
  if (problem !== undefined) return problem;
  if (value !== '' && (value.length > 63 || !qualifiedName.test(value)))
    return `${quoted(value)} is not a label value: letters, digits, \`-\`, \`_\` and \`.\`, at most 63`;
  return undefined;
}

const checkAnnotation = (report: Report) => (key: string, _value: string, node: PositionedNode) => {
  const problem = keyProblem(key.toLowerCase());
  if (problem !== undefined) report.add('CAS0912', node, problem);
};
