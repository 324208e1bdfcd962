import type { z } from 'zod';
import { CastellanError } from '../../base/errors.ts';
import { nearestName } from '../../base/nearest.ts';
import { settingsErrors } from './errors.ts';
import { type FieldPath, fields, membersOf, schemaAt } from './fields.ts';
import type { Origin } from './layers.ts';
import { type Settings, settingsSchema } from './schema.ts';

export interface RawSettings {
  readonly tree: Readonly<Record<string, unknown>>;
  readonly originOf: (path: FieldPath) => Origin;
}

/** Raw values → frozen settings, or every problem at once, each with its name and the place it was written. */
export function buildSettings(raw: RawSettings): Settings {
  const read = settingsSchema.safeParse(raw.tree);
  if (read.success) return deepFreeze(read.data);
  const problems = read.error.issues.flatMap((issue) => describe(issue, raw));
  const [first = settingsErrors.SETTING_INVALID()] = problems;
  const message = problems.map((problem) => problem.publicMessage).join('; ');
  throw new CastellanError(first.code, { kind: first.kind, message, next: first.next });
}

const secretName = /(passphrase|password|secret|token|privateKey)$/i;

function describe(issue: z.core.$ZodIssue, raw: RawSettings): CastellanError[] {
  const path = issue.path as FieldPath;
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, raw));
  const what = issue.code === 'invalid_type' && issue.input === undefined ? 'is missing' : issue.message;
  return [
    settingsErrors.SETTING_INVALID({
      message: `\`${nameOf(path)}\`${placeOf(path, raw)}: ${lowerFirst(what)}`,
    }),
  ];
}

function unknownKey(parent: FieldPath, key: string, raw: RawSettings): CastellanError {
  const path = [...parent, key];
  const place = placeOf(path, raw);
  if (secretName.test(key)) {
    const names = Object.keys(membersOf(schemaAt(parent) ?? settingsSchema) ?? {});
    const instead = names.filter((name) => name.startsWith(key));
    return settingsErrors.SETTING_SECRET_INLINE({
      message: `\`${nameOf(path)}\`${place}: a secret does not belong in the settings file${
        instead.length === 0 ? '' : `, use ${instead.map((name) => `\`${name}\``).join(' or ')}`
      }`,
    });
  }
  const siblings = Object.keys(membersOf(schemaAt(parent) ?? settingsSchema) ?? {});
  const nearest = nearestName(key, siblings) ?? elsewhere(key);
  return settingsErrors.SETTING_UNKNOWN({
    message: `unknown setting \`${nameOf(path)}\`${place}${nearest === undefined ? '' : `, did you mean \`${nearest}\`?`}`,
  });
}

/** The right name in the wrong section. */
function elsewhere(key: string): string | undefined {
  return fields.find(({ path }) => path.at(-1) === key)?.name;
}

function nameOf(path: FieldPath): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`))
    .join('');
}

function placeOf(path: FieldPath, raw: RawSettings): string {
  const origin = raw.originOf(path);
  return origin === 'default' ? '' : ` (${origin})`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
