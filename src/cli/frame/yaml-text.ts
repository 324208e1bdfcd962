/** Plain data as block YAML. Scalars that could be read as something else are quoted as JSON, which YAML includes. */
export function formatYaml(value: unknown): string {
  return isEmpty(value) || !isContainer(value) ? `${scalar(value)}\n` : block(value, 0);
}

function block(value: object, depth: number): string {
  const indent = '  '.repeat(depth);
  if (Array.isArray(value)) return value.map((item) => `${indent}-${listItem(item, depth)}`).join('');
  return entries(value)
    .map(([key, item]) => `${indent}${plainOrQuoted(key)}:${mapValue(item, depth)}`)
    .join('');
}

function entries(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, item]) => item !== undefined);
}

function mapValue(item: unknown, depth: number): string {
  if (!isContainer(item) || isEmpty(item)) return ` ${scalar(item)}\n`;
  return `\n${block(item, depth + 1)}`;
}

function listItem(item: unknown, depth: number): string {
  if (!isContainer(item) || isEmpty(item)) return ` ${scalar(item)}\n`;
  // The first line moves up behind the dash.
  return ` ${block(item, depth + 1).slice((depth + 1) * 2)}`;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isEmpty(value: unknown): boolean {
  return isContainer(value) && (Array.isArray(value) ? value.length === 0 : entries(value).length === 0);
}

function scalar(value: unknown): string {
  if (typeof value === 'string') return plainOrQuoted(value);
  if (isContainer(value)) return Array.isArray(value) ? '[]' : '{}';
  if (typeof value === 'bigint') return String(value);
  return JSON.stringify(value) ?? 'null';
}

const plain = /^[A-Za-z/][A-Za-z0-9_./@-]*(:[A-Za-z0-9_./@-]+)*$/;
const reserved = /^(y|n|yes|no|on|off|true|false|null|inf|nan)$/i;

function plainOrQuoted(text: string): string {
  return plain.test(text) && !reserved.test(text) ? text : JSON.stringify(text);
}
