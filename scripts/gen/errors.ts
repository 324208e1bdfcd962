/** docs/reference/errors.md and errors.json: every error code of every room. */
import { readErrorCatalogue } from '../support/error-catalogue.ts';
import { mono, table, writeReference } from '../support/markdown.ts';

const rows = await readErrorCatalogue();
const exits: Readonly<Record<string, string>> = {
  invalid: 'INVALID_ARGUMENT, 400',
  unauthenticated: 'UNAUTHENTICATED, 401',
  denied: 'PERMISSION_DENIED, 403',
  'not-found': 'NOT_FOUND, 404',
  conflict: 'ABORTED, 409',
  precondition: 'FAILED_PRECONDITION, 409',
  exhausted: 'RESOURCE_EXHAUSTED, 429',
  unavailable: 'UNAVAILABLE, 503',
  timeout: 'DEADLINE_EXCEEDED, 504',
  cancelled: 'CANCELLED, 499',
  unsupported: 'UNIMPLEMENTED, 501',
  internal: 'INTERNAL, 500',
};

writeReference(
  'errors.md',
  `# Errors

Every error has a stable code, a kind that decides how it looks on the wire, and a next step. \`castellan explain CODE\` prints its row.

${table(
  ['kind', 'gRPC, HTTP'],
  Object.entries(exits).map(([kind, wire]) => [kind, wire]),
)}
${table(
  ['code', 'kind', 'what', 'what to do'],
  rows.map(({ code, kind, message, next }) => [mono(code), kind, message, next]),
)}`,
);
writeReference(
  'errors.json',
  `${JSON.stringify(
    rows.map(({ code, kind, message, next }) => ({ code, kind, message, next })),
    null,
    1,
  )}\n`,
);
