import type { z } from 'zod';
import { type FieldFacts, facts } from './field-types.ts';
import { settingsSchema } from './schema.ts';

export type FieldPath = readonly (string | number)[];
export type FieldType = 'text' | 'number' | 'boolean' | 'choice' | 'list' | 'object list' | 'map';

/** One setting as the loader and the reference page see it. */
export interface Field {
  readonly path: readonly string[];
  /** `authority.workloadTtl` */
  readonly name: string;
  readonly env: string;
  readonly flag: string;
  readonly type: FieldType;
  readonly description: string;
  readonly fallback: unknown;
  readonly choices: readonly string[];
  readonly facts: FieldFacts;
}

type AnySchema = z.core.$ZodType;

interface Definition {
  readonly type: string;
  readonly innerType?: AnySchema;
  readonly in?: AnySchema;
  readonly shape?: Readonly<Record<string, AnySchema>>;
  readonly element?: AnySchema;
  readonly entries?: Readonly<Record<string, string>>;
  readonly defaultValue?: unknown;
}

const definitionOf = (schema: AnySchema): Definition => schema._zod.def as unknown as Definition;

/** The schema under defaults, optional marks and transforms, and what was learnt on the way. */
export function unwrap(schema: AnySchema): { inner: AnySchema; fallback: unknown; facts: FieldFacts } {
  let inner = schema;
  let fallback: unknown;
  let known: FieldFacts = {};
  for (;;) {
    known = { ...known, ...facts.get(inner as z.ZodType) };
    const definition = definitionOf(inner);
    if (definition.type === 'default') fallback = definition.defaultValue;
    const next = definition.type === 'pipe' ? definition.in : definition.innerType;
    if (next === undefined) return { inner, fallback, facts: known };
    inner = next;
  }
}

/** The members of an object schema, under whatever wraps it; undefined for another type. */
export function membersOf(schema: AnySchema): Readonly<Record<string, AnySchema>> | undefined {
  const definition = definitionOf(unwrap(schema).inner);
  return definition.type === 'object' ? definition.shape : undefined;
}

export function elementOf(schema: AnySchema): AnySchema | undefined {
  const definition = definitionOf(unwrap(schema).inner);
  return definition.type === 'array' ? definition.element : undefined;
}

function typeOf(schema: AnySchema): FieldType {
  const definition = definitionOf(unwrap(schema).inner);
  switch (definition.type) {
    case 'boolean':
    case 'number':
      return definition.type;
    case 'enum':
      return 'choice';
    case 'record':
      return 'map';
    case 'array':
      return membersOf(definition.element as AnySchema) === undefined ? 'list' : 'object list';
    default:
      return 'text';
  }
}

const words = (path: readonly string[]) =>
  path.map((part) => part.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()).join('-');

function fieldOf(path: readonly string[], schema: AnySchema): Field {
  const { inner, fallback, facts: known } = unwrap(schema);
  return {
    path,
    name: path.join('.'),
    flag: `--${words(path)}`,
    env: `CASTELLAN_${words(path).replaceAll('-', '_').toUpperCase()}`,
    type: typeOf(schema),
    description: (schema as z.ZodType).description ?? '',
    fallback,
    choices: Object.values(definitionOf(inner).entries ?? {}),
    facts: known,
  };
}

function* walk(path: readonly string[], schema: AnySchema): Generator<Field> {
  const members = membersOf(schema);
  if (members === undefined) yield fieldOf(path, schema);
  else for (const [name, member] of Object.entries(members)) yield* walk([...path, name], member);
}

/** Every setting that has a name of its own, in the order of the schema. */
export const fields: readonly Field[] = [...walk([], settingsSchema)];

/** The schema at a path, through lists; undefined where there is none. */
export function schemaAt(path: FieldPath): AnySchema | undefined {
  let schema: AnySchema | undefined = settingsSchema;
  for (const part of path) {
    if (schema === undefined) return undefined;
    schema = typeof part === 'number' ? elementOf(schema) : membersOf(schema)?.[part];
  }
  return schema;
}
