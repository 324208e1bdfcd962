export { type CallerRecords, RecordedStanding, type StandingParts } from './certificate-standing.ts';
export { csrErrors } from './errors.ts';
export {
  issueLocally,
  type LocalIssuance,
  type LocalIssueParts,
  type LocalIssueRequest,
} from './issue-locally.ts';
export { issueSvid } from './issue-svid.ts';
export { type SigningParts, signAndRecord } from './sign-and-record.ts';
export type {
  CallerAttestor,
  IssueMetrics,
  IssueOutcome,
  IssueReason,
  IssueSvid,
  IssueSvidParts,
  IssueSvidReply,
  IssueSvidRequest,
  IssueSvidSettings,
} from './types.ts';
