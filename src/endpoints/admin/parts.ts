import type { Authority } from '../../authority/index.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { AgentReports } from '../../operations/agents/index.ts';
import type { HealthCheck } from '../../operations/check-health.ts';
import type { ActivePolicy } from '../../operations/check-request/index.ts';
import type { Simulator } from '../../operations/decisions/index.ts';
import type { Enforcers } from '../../operations/enforcers.ts';
import type { AuthorityView } from '../../operations/list-roots.ts';
import type { Operator } from '../../operations/operator.ts';
import type { PageCursors } from '../../operations/page-cursor.ts';
import type { PolicyFeedStatus, PolicySettings } from '../../operations/policy-snapshot/index.ts';
import type { AuditReport, Store, TrafficLedger } from '../../operations/ports/index.ts';
import type { RegistrationView } from '../../operations/registrations.ts';

export interface LocalIssueRequest {
  readonly csrPem: string;
  readonly spiffeId: string;
  readonly ttlSeconds?: number | undefined;
}

export interface LocalIssuance {
  readonly serial: string;
  readonly spiffeId: string;
  readonly chainPem: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  readonly shortened: boolean;
}

export interface ShownSetting {
  readonly name: string;
  readonly value: unknown;
  readonly origin: string;
}

export interface Notice {
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

/** A consistent copy of the database, as bytes; whatever it was made from is gone when the stream ends. */
export interface BackupCopy {
  readonly bytes: number;
  readonly at: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** What the admin door calls. Each member is a port or one verb; the composition root joins them. */
export interface AdminParts {
  readonly store: Store;
  readonly authority: AuthorityView & Pick<Authority, 'rotation'>;
  readonly clock: Clock;
  readonly random: Random;
  /** The policy in force; undefined before the first snapshot. */
  readonly policy: () => ActivePolicy | undefined;
  readonly policySettings: PolicySettings;
  /** How the feed of policies is doing. */
  readonly policyFeed: () => PolicyFeedStatus;
  /** Every process that decides. */
  readonly enforcers: Enforcers;
  readonly simulator: Pick<Simulator, 'simulate'>;
  /** What was counted until now is in what it lists. */
  readonly traffic: Pick<TrafficLedger, 'list'>;
  readonly agents: {
    readonly reports: Pick<AgentReports, 'find'>;
    readonly registrations: () => RegistrationView;
  };
  readonly cursors: PageCursors;
  readonly readiness: readonly HealthCheck[];
  /** Settings that won, secrets never among them. */
  readonly settings: readonly ShownSetting[];
  /** Things an operator should look at although the server works. */
  readonly notices: () => readonly Notice[];
  readonly version: Readonly<Record<string, string>>;
  /** Issues for a CSR as the local operator: the one issuance path, with record and audit. */
  readonly issue: (operator: Operator, request: LocalIssueRequest) => Promise<LocalIssuance>;
  readonly backup: (operator: Operator) => Promise<BackupCopy>;
  readonly verifyAudit: () => Promise<AuditReport>;
  /** D13: an operator says that the clock is right although it jumped. */
  readonly acceptClock: (operator: Operator) => Promise<void>;
}
