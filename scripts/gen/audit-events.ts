/** docs/reference/audit-events.md: every action that can stand in the audit log. */
import { auditCatalogue } from '../../src/operations/audit/index.ts';
import { mono, table, writeReference } from '../support/markdown.ts';

writeReference(
  'audit-events.md',
  `# Audit events

Each change of state and each issuance is one entry, written in the same transaction as the change itself. Entries are chained by SHA-256; \`castellan audit verify\` names the first one that is not what was written.

${table(
  ['action', 'what happened', 'object'],
  Object.entries(auditCatalogue).map(([action, { summary, object }]) => [mono(action), summary, object]),
)}`,
);
