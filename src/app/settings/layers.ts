import { nearestName } from '../../base/nearest.ts';
import { settingsErrors } from './errors.ts';
import { elementOf, type Field, type FieldPath, fields, membersOf, unwrap } from './fields.ts';
import { istioNames, istioNamesWithoutEffect } from './istio-names.ts';
import { settingsSchema } from './schema.ts';

/** Where a value came from, as `get config --show-origin` prints it. */
export type Origin = 'default' | `flag ${string}` | `env ${string}` | `file ${string}`;

/** A tree of raw values, and where each was written. */
export interface Layer {
  readonly tree: Readonly<Record<string, unknown>>;
  readonly originOf: (path: FieldPath) => Origin;
  /** Relative paths in this layer start here. */
  readonly base: string;
}

export type ResolvePath = (base: string, path: string) => string;

/** Text from a flag or a variable as the raw value the schema reads; lists are separated by commas. */
export function readText(field: Field, text: string, origin: Origin): unknown {
  const refuse = (what: string) =>
    settingsErrors.SETTING_INVALID({ message: `\`${field.name}\` (${origin}): ${what}` });
  switch (field.type) {
    case 'number':
      if (!/^-?\d{1,15}$/.test(text)) throw refuse(`\`${text.slice(0, 40)}\` is not a whole number`);
      return Number(text);
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw refuse(`\`${text.slice(0, 40)}\` is not true or false`);
      return text === 'true';
    case 'list':
      return text === '' ? [] : text.split(',').map((item) => item.trim());
    case 'object list':
    case 'map':
      throw refuse('this setting is written in the settings file');
    default:
      return text;
  }
}

function setAt(tree: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [last = '', ...parents] = path.toReversed();
  let node = tree;
  for (const part of parents.toReversed()) node = (node[part] ??= {}) as Record<string, unknown>;
  node[last] = value;
}

/** A layer of single values by setting name, each with its own origin. */
function layerOf(values: ReadonlyMap<string, { value: unknown; origin: Origin }>, base: string): Layer {
  const tree: Record<string, unknown> = {};
  for (const [name, { value }] of values) setAt(tree, name.split('.'), value);
  return { tree, base, originOf: (path) => values.get(nameOf(path))?.origin ?? 'default' };
}

function nameOf(path: FieldPath): string {
  return path.filter((part) => typeof part === 'string').join('.');
}

const byName = new Map(fields.map((field) => [field.name, field]));

/** Flags given on the command line, by setting name (`authority.workloadTtl`) or camelCase flag. */
export function flagLayer(flags: Readonly<Record<string, string>>, base: string): Layer {
  const values = new Map<string, { value: unknown; origin: Origin }>();
  for (const [name, text] of Object.entries(flags)) {
    const field = byName.get(name);
    if (field === undefined) throw new TypeError(`no setting is called ${name}`);
    const origin: Origin = `flag ${field.flag}`;
    values.set(name, { value: readText(field, text, origin), origin });
  }
  return layerOf(values, base);
}

/** Variables that belong to the command line client or to the platform, not to the settings. */
const otherNames = /^CASTELLAN_(SERVER|TOKEN_FILE|CA_FILE|CONFIG|CONTEXT|LOG_PRETTY|TEST_\w+)$/;
/** What Kubernetes puts into every pod beside a Service called `castellan…`. */
const serviceLinks = /^CASTELLAN_(\w+_)?(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP)\w*)?)$/;

export interface EnvironmentLayer extends Layer {
  /** Names that were set but mean nothing here, with what to do instead. */
  readonly notices: readonly string[];
}

export function environmentLayer(
  env: Readonly<Record<string, string | undefined>>,
  base: string,
): EnvironmentLayer {
  const values = new Map<string, { value: unknown; origin: Origin }>();
  const take = (field: Field, name: string, text: string) => {
    const origin: Origin = `env ${name}`;
    values.set(field.name, { value: readText(field, text, origin), origin });
  };
  for (const [name, target] of Object.entries(istioNames)) {
    const field = byName.get(target);
    if (env[name] !== undefined && env[name] !== '' && field !== undefined) take(field, name, env[name]);
  }
  const byEnv = new Map(fields.map((field) => [field.env, field]));
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('CASTELLAN_') || text === undefined || otherNames.test(name)) continue;
    const field = byEnv.get(name);
    if (field !== undefined) take(field, name, text);
    else if (!serviceLinks.test(name)) throw unknownName(name, byEnv.keys());
  }
  const notices = Object.entries(istioNamesWithoutEffect)
    .filter(([name]) => env[name] !== undefined && env[name] !== '')
    .map(([name, instead]) => `${name} has no effect: ${instead}`);
  return { ...layerOf(values, base), notices };
}

function unknownName(name: string, known: Iterable<string>) {
  const nearest = nearestName(name, known);
  return settingsErrors.SETTING_UNKNOWN({
    message: `unknown setting \`${name}\` in the environment${nearest === undefined ? '' : `, did you mean \`${nearest}\`?`}`,
  });
}

/** Later layers win, value by value; lists are replaced as a whole. */
export function mergeLayers(
  layers: readonly Layer[],
  resolvePath: ResolvePath,
): { tree: Record<string, unknown>; originOf: (path: FieldPath) => Origin } {
  let tree: Record<string, unknown> = {};
  for (const layer of layers) {
    const resolved = resolvePaths(settingsSchema, layer.tree, (path) => resolvePath(layer.base, path));
    tree = merge(tree, resolved as Record<string, unknown>);
  }
  const originOf = (path: FieldPath): Origin =>
    layers
      .toReversed()
      .map((layer) => layer.originOf(path))
      .find((origin) => origin !== 'default') ?? 'default';
  return { tree, originOf };
}

const isTree = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function merge(under: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const below = merged[name];
    merged[name] = isTree(below) && isTree(value) ? merge(below, value) : value;
  }
  return merged;
}

type AnySchema = Parameters<typeof unwrap>[0];

/** Makes every value of a path field absolute, in lists too; whatever does not fit the schema is left for it. */
function resolvePaths(schema: AnySchema, value: unknown, absolute: (path: string) => string): unknown {
  const members = membersOf(schema);
  if (members !== undefined && isTree(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => {
        const member = Object.hasOwn(members, name) ? members[name] : undefined;
        return [name, member === undefined ? item : resolvePaths(member, item, absolute)];
      }),
    );
  const element = elementOf(schema);
  if (element !== undefined && Array.isArray(value))
    return value.map((item) => resolvePaths(element, item, absolute));
  return typeof value === 'string' && unwrap(schema).facts.path === true ? absolute(value) : value;
}
