import { nearestName } from '../base/nearest.ts';
import { hasErrors } from './finding.ts';
import type { AnyResource } from './kinds/index.ts';
import { closedGroups, isKnownKind, type KnownKind, knownKinds, legacyKinds } from './kinds/known.ts';
import type { DocumentOutcome, SkippedDocument } from './outcome.ts';
import { readSource } from './read/documents.ts';
import { type MapNode, type PositionedNode, SourceText } from './read/node.ts';
import type { ResourceMetadata } from './resource.ts';
import { resourceTitle } from './resource.ts';
import { checkDryRun } from './shape/authorization-policy.ts';
import { Fields } from './shape/fields.ts';
import { readMetadata } from './shape/metadata.ts';
import { quoted, Report } from './shape/report.ts';
import { isNull } from './shape/scalars.ts';
import { specReaders } from './shape/spec-readers.ts';

const deepestList = 4;

/** What one document holds: a resource, a list of them, or something that is not ours. */
export function readDocument(root: PositionedNode, defaultNamespace: string, depth = 0): DocumentOutcome[] {
  const report = new Report();
  if (root.kind !== 'map') {
    report.add('CAS0909', root, 'expected an object with apiVersion and kind');
    return [{ findings: report.findings }];
  }
  const apiVersion = textOf(root.get('apiVersion'));
  const kind = textOf(root.get('kind'));
  if (apiVersion === undefined || kind === undefined) {
    const missing = apiVersion === undefined ? 'apiVersion' : 'kind';
    report.add('CAS0910', root, `\`${missing}\` is required and must be text`);
    return [{ findings: report.findings }];
  }
  const items = root.get('items');
  if (/^([A-Z][A-Za-z]*)?List$/.test(kind) && items?.kind === 'list' && depth < deepestList)
    return items.items.flatMap((item) => {
      item.becomeRoot();
      return readDocument(item, defaultNamespace, depth + 1);
    });
  return [readObject(root, { apiVersion, kind, defaultNamespace }, report)];
}

interface Heading {
  readonly apiVersion: string;
  readonly kind: string;
  readonly defaultNamespace: string;
}

function readObject(root: MapNode, heading: Heading, report: Report): DocumentOutcome {
  const { apiVersion, kind } = heading;
  const slash = apiVersion.indexOf('/');
  const group = slash === -1 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  if (Object.hasOwn(legacyKinds, group)) {
    if (legacyKinds[group]?.includes(kind)) return { findings: [], legacy: { group, kind, root } };
    reportUnknownKind(root, heading, legacyKinds[group] ?? [], report);
    return { findings: report.findings };
  }
  const meshText = group === '' && kind === 'ConfigMap' ? meshOf(root) : undefined;
  if (meshText !== undefined) return readMeshText(root, meshText, heading, report);
  if (isKnownKind(kind) && knownKinds[kind].group === group) {
    const { versions } = knownKinds[kind];
    if (versions.some((known) => known === version)) return readKnown(root, kind, heading, report);
    report.add(
      'CAS0911',
      root.get('apiVersion') ?? root,
      `${kind} has no version ${quoted(version)}: known are ${versions.join(', ')}`,
      {
        fix: `write ${group}/${versions[0]}`,
      },
    );
    return { findings: report.findings };
  }
  if (closedGroups.includes(group)) {
    const known = Object.entries(knownKinds).flatMap(([name, row]) => (row.group === group ? [name] : []));
    reportUnknownKind(root, heading, known, report);
    return { findings: report.findings };
  }
  return { findings: [], skipped: skip(root, heading) };
}

function reportUnknownKind(root: MapNode, heading: Heading, known: readonly string[], report: Report): void {
  const nearest = nearestName(heading.kind, known);
  const hint = nearest === undefined ? '' : `; did you mean \`${nearest}\`?`;
  report.add(
    'CAS0911',
    root.get('kind') ?? root,
    `there is no kind ${quoted(heading.kind)} in ${quoted(heading.apiVersion)}${hint}`,
    {
      fix: `the kinds are ${known.join(', ')}`,
    },
  );
}

function readKnown(root: MapNode, kind: KnownKind, heading: Heading, report: Report): DocumentOutcome {
  Fields.of(root, ['apiVersion', 'kind', 'metadata', 'spec', 'status'], report);
  const metadata = readHeader(root, kind, heading.defaultNamespace, report);
  const spec = readSpec(root, kind, report);
  if (metadata === undefined || spec === undefined) return { findings: report.findings };
  const action = kind === 'AuthorizationPolicy' && 'action' in spec ? spec.action : undefined;
  checkDryRun(metadata, root, action, report);
  if (hasErrors(report.findings)) return { findings: report.findings };
  const { file, line, column } = root;
  const source = Object.freeze({ file, line, column });
  const resource = Object.freeze({
    apiVersion: heading.apiVersion,
    kind,
    metadata,
    spec,
    source,
  }) as AnyResource;
  return { findings: report.findings, parsed: { resource, root } };
}

function readHeader(
  root: MapNode,
  kind: KnownKind,
  namespace: string,
  report: Report,
): ResourceMetadata | undefined {
  const node = root.get('metadata');
  if (node === undefined || isNull(node)) {
    report.add('CAS0910', root, '`metadata` is required');
    return undefined;
  }
  const metadata = readMetadata(node, namespace, report);
  if (metadata !== undefined) report.title = resourceTitle({ kind, metadata });
  return metadata;
}

/** Of the security kinds an absent spec is an empty one, as in Istio: a policy without rules. */
function readSpec(root: MapNode, kind: KnownKind, report: Report) {
  const node = root.get('spec');
  const read = specReaders[kind];
  if (node !== undefined && !isNull(node)) return read(node, report);
  if (knownKinds[kind].group !== 'security.istio.io') {
    report.add('CAS0910', root, '`spec` is required');
    return undefined;
  }
  if (node !== undefined)
    report.add('CAS0914', root.entry('spec')?.key ?? root, '`spec` has no value and counts as empty');
  return read(root.emptyChild('spec'), report);
}

/** The `mesh` text of the ConfigMap that Istio itself reads. */
function meshOf(root: MapNode): PositionedNode | undefined {
  const data = root.get('data');
  const metadata = root.get('metadata');
  const name = metadata?.kind === 'map' ? textOf(metadata.get('name')) : undefined;
  if (name === undefined || !/^istio(-|$)/.test(name)) return undefined;
  return data?.kind === 'map' ? data.get('mesh') : undefined;
}

function readMeshText(
  root: MapNode,
  mesh: PositionedNode,
  heading: Heading,
  report: Report,
): DocumentOutcome {
  const metadata = readHeader(root, 'MeshConfig', heading.defaultNamespace, report);
  if (mesh.kind !== 'scalar' || typeof mesh.value !== 'string') {
    report.add('CAS0909', mesh, 'expected the text of a MeshConfig');
    return { findings: report.findings };
  }
  const { documents, findings } = readSource(innerText(mesh, mesh.value), 'yaml');
  const all = () => [...findings, ...report.findings];
  const inner = documents[0]?.root;
  if (inner === undefined || documents.length > 1) {
    if (findings.length === 0) report.add('CAS0909', mesh, 'expected one MeshConfig document');
    return { findings: all() };
  }
  const spec = specReaders.MeshConfig(inner, report);
  if (metadata === undefined || spec === undefined || hasErrors(all())) return { findings: all() };
  const { file, line, column } = root;
  const resource = {
    apiVersion: heading.apiVersion,
    kind: 'MeshConfig',
    metadata,
    spec,
    source: { file, line, column },
  };
  return { findings: all(), parsed: { resource: Object.freeze(resource) as AnyResource, root } };
}

/** A literal block keeps its lines, so places inside it are known; of other forms only the beginning is. */
function innerText(node: Extract<PositionedNode, { kind: 'scalar' }>, text: string): SourceText {
  const { source } = node;
  const firstLineEnd = source.text.indexOf('\n', node.start);
  if (node.style !== 'block' || firstLineEnd === -1)
    return new SourceText(source.file, text, { line: node.line, column: node.column });
  const indent = /^[ ]*/.exec(source.text.slice(firstLineEnd + 1))?.[0].length ?? 0;
  return new SourceText(source.file, text, { line: node.line + 1, column: indent + 1 });
}

function textOf(node: PositionedNode | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

function skip(root: MapNode, heading: Heading): SkippedDocument {
  const metadata = root.get('metadata');
  return {
    apiVersion: heading.apiVersion,
    kind: heading.kind,
    name: metadata?.kind === 'map' ? textOf(metadata.get('name')) : undefined,
    file: root.file,
    line: root.line,
    root,
  };
}
