export { adminErrors } from './errors.ts';
export type { OperatorAccess, OperatorToken } from './operators.ts';
export type {
  AdminParts,
  BackupCopy,
  LocalIssuance,
  LocalIssueRequest,
  Notice,
  ShownSetting,
} from './parts.ts';
export { type AdminServerOptions, adminPrefix, adminRoutes, adminServer } from './server.ts';
