import type { DecisionRecord, FlipGroup, UndecidableGroup } from '../../operations/decisions/index.ts';
import type { AppliedPolicy, EffectivePeerAuthentication } from '../../policy/index.ts';

/** What the admin API answers, as far as the verbs read it. The shapes are in docs/reference/api.md. */

export interface ListAnswer<T> {
  readonly items: readonly T[];
  readonly cursor?: string;
}

export interface IdentityJson {
  readonly spiffeId: string;
  readonly serial: string;
  readonly state: string;
  readonly revokedReason?: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly issuedAt: string;
  readonly caller: string;
  readonly callerMethod: string;
  readonly peerAddress: string;
  readonly issuerKeyId: string;
  readonly requestId: string;
  readonly shortened: boolean;
  readonly recovered: boolean;
}

export interface RootJson {
  readonly role: string;
  readonly state: string;
  readonly authorityId: string;
  readonly serial: string;
  readonly fingerprint: string;
  readonly subject?: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly renewsAt?: string;
  readonly certificatePem?: string;
}

export interface JoinTokenJson {
  readonly id: string;
  readonly spiffeId: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly expired: boolean;
}

export interface NewTokenJson {
  readonly token: string;
  readonly spiffeId: string;
  readonly expiresAt: string;
}

export interface AuditJson {
  readonly sequence: number;
  readonly at: string;
  readonly actor: string;
  readonly actorMethod: string;
  readonly actorAddress?: string;
  readonly action: string;
  readonly object: string;
  readonly result: string;
  readonly requestId: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface RevocationJson {
  readonly serial?: string;
  readonly spiffeId?: string;
  readonly reason: string;
  readonly at: string;
  readonly actor: string;
}

export interface RevocationResultJson {
  readonly serial?: string;
  readonly spiffeId?: string;
  readonly applied: boolean;
  readonly alreadyRevoked: boolean;
  readonly affected: readonly {
    readonly serial: string;
    readonly spiffeId: string;
    readonly notAfter: string;
  }[];
}

export interface SettingJson {
  readonly name: string;
  readonly value?: unknown;
  readonly origin: string;
}

export interface CertificateJson {
  readonly serial: string;
  readonly spiffeId: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly shortened: boolean;
  readonly chainPem: readonly string[];
  readonly requestId: string;
}

export interface FindingJson {
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'info';
  readonly message: string;
  readonly why?: string;
  readonly fix?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly path?: string;
}

export interface ApplyResultJson {
  readonly applied: boolean;
  readonly refused: boolean;
  readonly revision: string;
  readonly results: readonly { kind: string; namespace: string; name: string; outcome: string }[];
  readonly findings: readonly FindingJson[];
  readonly skipped: readonly string[];
}

export interface EnforcementJson {
  readonly revision: string;
  readonly inForce: boolean;
  readonly acknowledged: number;
  readonly enforcers: readonly {
    readonly name: string;
    readonly kind: string;
    readonly acknowledged: boolean;
    readonly revision?: string;
    readonly problem?: string;
  }[];
}

export interface TrafficJson {
  readonly caller: string;
  readonly destination: string;
  readonly port: number;
  readonly tls: string;
  readonly method: string;
  readonly path: string;
  readonly allowed: number;
  readonly denied: number;
  readonly lastAt: string;
}

export interface SimulationJson {
  readonly refused: boolean;
  readonly findings: readonly FindingJson[];
  readonly replayed: number;
  readonly estimated: number;
  readonly skipped: number;
  readonly flips: number;
  readonly undecidable: number;
  readonly beyond: number;
  readonly flipGroups: readonly FlipGroup[];
  readonly undecidableGroups: readonly UndecidableGroup[];
}

export interface ResourceJson {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string } & Readonly<
    Record<string, unknown>
  >;
}

export interface ExplanationJson {
  readonly requestId: string;
  readonly outcome: 'issued' | 'refused' | 'changed';
  readonly refusal?: {
    readonly at: string;
    readonly code: string;
    readonly detail: string;
    readonly evidence: Readonly<Record<string, unknown>>;
  };
  readonly audit: readonly AuditJson[];
}

/** As `operations/decisions` records it. */
export type DecisionJson = DecisionRecord;

export interface StatusJson {
  readonly ready: boolean;
  readonly checks: readonly { name: string; ok: boolean; reason?: string }[];
  readonly trustDomain: string;
  readonly authority: string;
  readonly serverTime: string;
  readonly notices: readonly { code: string; message: string; next: string }[];
  readonly store: { certificates: number; auditSequence: number; revision: string };
  readonly version: Readonly<Record<string, string>>;
}

export interface WorkloadPolicyJson {
  readonly namespace: string;
  readonly name: string;
  readonly revision: string;
  readonly mtls: readonly EffectivePeerAuthentication[];
  readonly policies: readonly AppliedPolicy[];
}

export interface AgentJson {
  readonly id: string;
  readonly state: string;
  readonly reason?: string;
  readonly method: string;
  readonly agentVersion: string;
  readonly serial: string;
  readonly notAfter: string;
  readonly attestedAt: string;
  readonly lastSeenAt: string;
  readonly connected: boolean;
  readonly registrations: number;
  readonly svids: number;
  readonly decisionsDropped: number;
  readonly bundles: readonly {
    readonly trustDomain: string;
    readonly sequence: number;
    readonly since: string;
  }[];
  readonly refused?: string;
}

interface EndedJson {
  readonly serial: string;
  readonly spiffeId: string;
  readonly notAfter: string;
}

export interface AgentStateJson {
  readonly id: string;
  readonly before: string;
  readonly applied: boolean;
  readonly connected: boolean;
  readonly nodeSvids: readonly EndedJson[];
  readonly workloadSvids: readonly EndedJson[];
  readonly onlyHere: readonly string[];
}

export interface AuthorityKeyJson {
  readonly authorityId: string;
  readonly role: string;
  readonly state: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly tainted?: string;
  readonly revoked?: string;
}

export interface RotationPhaseJson {
  readonly phase: string;
  readonly state: 'done' | 'next' | 'later';
  readonly at?: string;
  readonly earliestAt?: string;
  readonly what: string;
  readonly gateIsOpen?: boolean;
  readonly blockers: readonly {
    readonly kind: string;
    readonly name: string;
    readonly why: string;
    readonly since: string;
    readonly until?: string;
  }[];
  readonly silent: readonly string[];
}

export interface RotationLineJson {
  readonly role: string;
  readonly phase: string;
  readonly mode: string;
  readonly isPaused: boolean;
  readonly leftBehind: readonly string[];
  readonly active?: AuthorityKeyJson;
  readonly next?: AuthorityKeyJson;
  readonly old: readonly AuthorityKeyJson[];
  readonly phases: readonly RotationPhaseJson[];
  readonly mustAcknowledge: readonly {
    readonly name: string;
    readonly sequence: string;
    readonly reportedAt: string;
  }[];
}

export interface RotationJson {
  readonly bundleSequence: string;
  readonly items: readonly RotationLineJson[];
  readonly verdicts: readonly AuthorityKeyJson[];
}

export interface AuthorityVerdictJson {
  readonly applied: boolean;
  readonly authority: AuthorityKeyJson;
  readonly signs: boolean;
  readonly under: readonly AuthorityKeyJson[];
  readonly affected: readonly {
    readonly spiffeId: string;
    readonly certificates: number;
    readonly until: string;
  }[];
}
