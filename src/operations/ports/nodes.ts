import type { AuditEvent } from './audit.ts';
import type { IssuanceRecord } from './issuance.ts';

/** `evicted`: it must attest again. `banned`: it may not. */
export type NodeState = 'attested' | 'evicted' | 'banned';

/** An agent that has proved what its node is. Instants are wall time in ms. */
export interface NodeRecord {
  /** The SPIFFE ID of its agent. */
  readonly id: string;
  /** How it was attested. */
  readonly method: string;
  /** What attestation found out, as `type:value`. */
  readonly selectors: readonly string[];
  readonly agentVersion: string;
  /** Of the newest node SVID. */
  readonly serial: string;
  readonly notAfter: number;
  /** Node SVIDs from before this instant no longer count. */
  readonly attestedAt: number;
  readonly renewedAt: number;
  readonly lastSeenAt: number;
  readonly state: NodeState;
  /** Why, when it is not attested. */
  readonly stateReason: string;
  readonly stateChangedAt: number;
  /** The newest trust bundles it said it holds, by trust domain. */
  readonly bundles: readonly HeldBundle[];
}

export interface HeldBundle {
  readonly trustDomain: string;
  readonly sequence: number;
  /** When it first said so. */
  readonly since: number;
}

/** What an attestation says of a node; the rest comes from the certificate. */
export interface NodeAdmission {
  readonly id: string;
  readonly method: string;
  readonly selectors: readonly string[];
  readonly agentVersion: string;
}

export interface NodeChange {
  readonly id: string;
  readonly to: 'evicted' | 'banned' | 'unbanned';
  readonly reason: string;
  readonly at: number;
  /** Certificates that are put on the deny list with it, so that every door refuses them at once. */
  readonly denySerials: readonly string[];
}

export interface NodeNote {
  readonly id: string;
  readonly lastSeenAt: number;
  readonly bundles: readonly HeldBundle[];
}

/** Admissions and changes are one transaction each, with the certificate, the deny list and the audit entries. */
export interface NodeStore {
  /** Records an attestation with its certificate. Throws NODE_BANNED, SERIAL_TAKEN and the store's outages. */
  admit(record: IssuanceRecord, node: NodeAdmission, audits: readonly AuditEvent[]): Promise<void>;
  /** Records a renewal of a node that is still attested; throws NODE_NOT_ATTESTED, SERIAL_TAKEN and outages. */
  renew(record: IssuanceRecord, id: string, audits: readonly AuditEvent[]): Promise<void>;
  /** Throws NODE_UNKNOWN for a node that is not there or, with `unbanned`, not banned. */
  change(change: NodeChange, audit: AuditEvent): Promise<void>;
  /** Written without an audit entry; unknown nodes are left out. */
  note(notes: readonly NodeNote[]): Promise<void>;
  /** Synchronous, from memory: what is committed is seen at once. */
  find(id: string): NodeRecord | undefined;
  /** By id. */
  list(): readonly NodeRecord[];
  /** Called after each commit that admitted or changed a node. */
  watch(listener: (id: string) => void): Disposable;
}
