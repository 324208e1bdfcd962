import { Secret } from '../../base/secret.ts';

/** Longest text in one field (O06); stacks may be longer. */
const longestText = 1_024;
const longestStack = 8_192;
const deepest = 4;
const widest = 64;

const secretName =
  /^(authorization|proxy_authorization|cookie|set_cookie|token|bearer|jwt|passphrase|password|secret|private_key|key_pem|csr_private_key|credential)s?$/;
const secretShapes: readonly (readonly [RegExp, string])[] = [
  [/castellan_join_[A-Za-z0-9_-]+/g, 'castellan_join_[redacted]'],
  [/\b([Bb]earer|[Bb]asic) +[A-Za-z0-9._~+/=-]+/g, '$1 [redacted]'],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*/g, '[redacted token]'],
  [/-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, '[redacted key]'],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^/\s:@]*:[^/\s@]*@/g, '$1[redacted]@'],
];

/** Text with what looks like a credential masked, and cut to length. */
export function redactText(text: string, limit = longestText): string {
  let safe = text.toWellFormed();
  // Masks come first: a cut in the middle of a token would leave a shape that no mask knows.
  if (safe.length > 64 * limit) safe = safe.slice(0, 64 * limit);
  for (const [shape, mask] of secretShapes) safe = safe.replace(shape, mask);
  return safe.length > limit ? `${safe.slice(0, limit)}…(${text.length} characters)` : safe;
}

/** Fields as they may be written: snake_case names, credentials masked, long texts cut, errors as text. */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactMembers(fields, 0);
}

function redactMembers(members: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> {
  const safe: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(members).slice(0, widest)) {
    const key = snakeCase(name);
    safe[key] =
      secretName.test(key) && value !== undefined ? '[redacted]' : redactValue(value, key, depth + 1);
  }
  return safe;
}

function redactValue(value: unknown, name: string, depth: number): unknown {
  if (typeof value === 'string') return redactText(value, name === 'stack' ? longestStack : longestText);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null || value instanceof Secret)
    return value instanceof Secret ? '[redacted]' : value;
  if (value instanceof Error) return redactError(value);
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (depth > deepest) return '[deeper]';
  if (Array.isArray(value)) return value.slice(0, widest).map((item) => redactValue(item, name, depth + 1));
  return redactMembers(value as Record<string, unknown>, depth);
}

function redactError(error: Error): Record<string, unknown> {
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: redactText(error.message),
    stack: redactText(error.stack ?? '', longestStack),
    ...(error.cause instanceof Error ? { cause: redactText(error.cause.message) } : {}),
  };
}

function snakeCase(name: string): string {
  return name
    .replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_')
    .replaceAll('-', '_')
    .toLowerCase();
}
