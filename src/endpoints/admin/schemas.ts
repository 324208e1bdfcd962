/** JSON Schema of what the admin API takes and gives. Nothing unnamed is let in or out. */

export const text = (description: string, more: object = {}) => ({ type: 'string', description, ...more });
export const instant = (description: string) => ({ type: 'string', format: 'date-time', description });
export const whole = (description: string, more: object = {}) => ({ type: 'integer', description, ...more });
export const flag = (description: string) => ({ type: 'boolean', description });
export const list = (items: object, description = '') => ({ type: 'array', items, description });

/** A closed object; every member is required unless named in `optional`. */
export function closed(properties: Record<string, object>, optional: readonly string[] = []) {
  return {
    type: 'object',
    additionalProperties: false,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    properties,
  };
}

/** An object of which nothing is required: query strings. */
export function open(properties: Record<string, object>) {
  return closed(properties, Object.keys(properties));
}

/** A list answer with its kind, as the CLI prints it. */
export function listOf(kind: string, item: object, extra: Record<string, object> = {}) {
  return closed(
    {
      apiVersion: { type: 'string', const: 'castellan.dev/v1alpha1' },
      kind: { type: 'string', const: `${kind}List` },
      ...extra,
      items: list(item),
    },
    Object.keys(extra),
  );
}

export function one(kind: string, properties: Record<string, object>, optional: readonly string[] = []) {
  return closed(
    {
      apiVersion: { type: 'string', const: 'castellan.dev/v1alpha1' },
      kind: { type: 'string', const: kind },
      ...properties,
    },
    optional,
  );
}

export const apiVersion = 'castellan.dev/v1alpha1';
export const iso = (ms: number) => new Date(ms).toISOString();

export const spiffeIdText = text('A SPIFFE ID.', {
  maxLength: 2_048,
  examples: ['spiffe://cluster.local/ns/shop/sa/cart'],
});
export const serialText = text('A serial number, hexadecimal.', { pattern: '^[0-9a-fA-F:]{2,60}$' });
export const cursorText = text('Where the next page starts; from the page before.', { maxLength: 1_024 });
export const limitNumber = {
  type: 'string',
  pattern: '^[1-9][0-9]{0,3}$',
  description: 'Items on a page, 1 to 1000; default 100.',
};
export const flagText = { type: 'string', enum: ['true', 'false'] };

export function readLimit(value: string | undefined): number {
  return Math.min(1_000, Number(value ?? 100));
}
