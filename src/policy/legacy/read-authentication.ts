import { Fields, isNull, type PositionedNode, type Report, readText } from '../../resources/index.ts';
import type { LegacyObject, LegacyPolicy, Origin, PathMatch, PolicyTarget, TriggerRule } from './model.ts';

const port = { min: 1, max: 65_535 };

/** Protobuf's JSON takes both spellings of a field's name. */
export function bothSpellings(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    const snake = name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
    return snake === name ? [name] : [name, snake];
  });
}

/** The spelling that was used. */
export function spelt(fields: Fields, name: string): string {
  const snake = name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  return fields.has(snake) ? snake : name;
}

const policyFields = bothSpellings([
  'targets',
  'peers',
  'peerIsOptional',
  'origins',
  'originIsOptional',
  'principalBinding',
]);

export function readPolicy(
  object: LegacyObject,
  spec: PositionedNode,
  report: Report,
): LegacyPolicy | undefined {
  const fields = Fields.of(spec, policyFields, report);
  if (fields === undefined) return undefined;
  const peers = fields.list('peers', readPeer) ?? [];
  return {
    ...object,
    isMesh: object.kind === 'MeshPolicy',
    targets: fields.list('targets', readTarget) ?? [],
    mtls: peers.find((peer) => peer.mtls !== undefined)?.mtls,
    hasPeerJwt: peers.some((peer) => peer.mtls === undefined),
    peerIsOptional: fields.flag(spelt(fields, 'peerIsOptional')) ?? false,
    origins: fields.list('origins', readOrigin) ?? [],
    originIsOptional: fields.flag(spelt(fields, 'originIsOptional')) ?? false,
    bindsOrigin: fields.oneOf(spelt(fields, 'principalBinding'), ['USE_PEER', 'USE_ORIGIN']) === 'USE_ORIGIN',
  };
}

/** `mtls:` without a value is `mtls: {}`: STRICT. */
function readPeer(node: PositionedNode, report: Report): Pick<LegacyPolicy, 'mtls'> | undefined {
  const fields = Fields.of(node, ['mtls', 'jwt'], report);
  if (fields === undefined) return undefined;
  const mtls = fields.node.get('mtls');
  if (mtls === undefined) return { mtls: undefined };
  if (isNull(mtls)) return { mtls: { mode: 'STRICT', allowTls: false } };
  const inner = Fields.of(mtls, bothSpellings(['mode', 'allowTls']), report);
  if (inner === undefined) return undefined;
  return {
    mtls: {
      mode: inner.oneOf('mode', ['STRICT', 'PERMISSIVE']) ?? 'STRICT',
      allowTls: inner.flag(spelt(inner, 'allowTls')) ?? false,
    },
  };
}

function readTarget(node: PositionedNode, report: Report): PolicyTarget | undefined {
  const fields = Fields.of(node, ['name', 'labels', 'ports'], report);
  if (fields === undefined) return undefined;
  const name = fields.requiredText('name') ?? '';
  return {
    name,
    labels: fields.textMap('labels'),
    ports: fields.list('ports', readPort) ?? [],
  };
}

function readPort(node: PositionedNode, report: Report): number | string | undefined {
  const fields = Fields.of(node, ['number', 'name'], report);
  return fields?.integer('number', port) ?? fields?.text('name');
}

const jwtFields = bothSpellings([
  'issuer',
  'audiences',
  'jwksUri',
  'jwks',
  'jwtHeaders',
  'jwtParams',
  'triggerRules',
]);

function readOrigin(node: PositionedNode, report: Report): Origin | undefined {
  const outer = Fields.of(node, ['jwt'], report);
  if (outer === undefined) return undefined;
  if (!outer.has('jwt')) outer.missing('jwt');
  return outer.object('jwt', (inner) => {
    const fields = Fields.of(inner, jwtFields, report);
    if (fields === undefined) return undefined;
    return {
      issuer: fields.requiredText('issuer') ?? '',
      audiences: fields.texts('audiences'),
      jwksUri: fields.text(spelt(fields, 'jwksUri')),
      jwks: fields.text('jwks'),
      jwtHeaders: fields.texts(spelt(fields, 'jwtHeaders')),
      jwtParams: fields.texts(spelt(fields, 'jwtParams')),
      triggerRules: fields.list(spelt(fields, 'triggerRules'), readTrigger) ?? [],
    };
  });
}

function readTrigger(node: PositionedNode, report: Report): TriggerRule | undefined {
  const fields = Fields.of(node, bothSpellings(['includedPaths', 'excludedPaths']), report);
  return (
    fields && {
      includedPaths: fields.list(spelt(fields, 'includedPaths'), readPathMatch) ?? [],
      excludedPaths: fields.list(spelt(fields, 'excludedPaths'), readPathMatch) ?? [],
    }
  );
}

function readPathMatch(node: PositionedNode, report: Report): PathMatch | undefined {
  const forms = ['exact', 'prefix', 'suffix', 'regex'];
  const fields = Fields.of(node, forms, report);
  const form = forms.find((name) => fields?.has(name));
  if (fields === undefined || form === undefined) {
    report.add('CAS0910', node, 'one of exact, prefix, suffix and regex is required');
    return undefined;
  }
  const text = readText(fields.get(form) ?? node, report) ?? '';
  const patterns: Readonly<Record<string, string>> = { exact: text, prefix: `${text}*`, suffix: `*${text}` };
  return { text, pattern: patterns[form] };
}
