import type { Duration } from '../../base/duration.ts';
import type { AuthorityRole, SlotHistory } from '../slot.ts';

/** A key as a rotation sees it: no certificate, no secret, just what it is for and what happened to it. */
export interface RotatingKey extends SlotHistory {
  /** `authorityId`; empty while the key is being made. */
  readonly id: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Of an intermediate: the `authorityId` of the root above it. */
  readonly issuerId?: string | undefined;
}

/** What was asked for one kind of key, and how far the machine may go by itself. */
export interface RotationOrder {
  readonly startedAt: number;
  readonly reason: string;
  /**
   * `scheduled`: by the thresholds. `stepped`: an operator takes each step; the thresholds still count. `running`: each
   * step as soon as its gate is open. `forced`: activation does not wait for a gate.
   */
  readonly mode: 'scheduled' | 'stepped' | 'running' | 'forced';
  readonly isPaused: boolean;
  /** Who may be left behind: names of agents, federated readers, or SPIFFE IDs. */
  readonly leftBehind: readonly string[];
}

export type RotationOrders = Readonly<Partial<Record<AuthorityRole, RotationOrder>>>;

export interface RotationState {
  readonly keys: readonly RotatingKey[];
  readonly orders: RotationOrders;
}

/** Someone who reads the trust bundle and says which one is in force there. */
export interface BundleReader {
  readonly kind: 'agent' | 'federation';
  readonly name: string;
  /** The newest sequence that it and everybody behind it holds. */
  readonly sequence: bigint;
  /** Since when it holds that. */
  readonly since: number;
  readonly reportedAt: number;
  /** How long it may be silent before it stops counting; the default lifetime of a leaf when absent. */
  readonly silentAfter?: Duration | undefined;
}

/** A certificate whose holder may know only the roots of its last chain. */
export interface UninformedHolder {
  readonly name: string;
  /** When that certificate ends: by then its holder has a newer chain, or nothing. */
  readonly until: number;
}

/** What the outside looks like: the reducer's second input. */
export interface RotationObservations {
  readonly readers: readonly BundleReader[];
  /** Holders of certificates older than the publication of the next root, latest end first. */
  readonly uninformed: readonly UninformedHolder[];
  /** When the last certificate ends that an authority (or one below it) signed, by `authorityId`; 0: none lives. */
  readonly lastEnds: ReadonlyMap<string, number>;
}

export interface RotationThresholds {
  /** How long before its end a successor is prepared and published; by the lifetime when absent. */
  readonly prepareBefore?: Duration | undefined;
  /** How long before its end the successor signs. */
  readonly activateBefore?: Duration | undefined;
}

/** What the settings say. */
export interface RotationRules {
  /** The kinds of keys that are ours to rotate. */
  readonly roles: readonly AuthorityRole[];
  readonly thresholds: Readonly<Partial<Record<AuthorityRole, RotationThresholds>>>;
  /** Off: roots rotate only when somebody asks. */
  readonly rootsAutomatic: boolean;
  readonly hasIntermediate: boolean;
  /** How long an intermediate lives, if its root does. */
  readonly intermediateLifetime: Duration;
  readonly leafLifetime: Duration;
  readonly longestLeaf: Duration;
  readonly longestToken: Duration;
  readonly refreshHint: Duration;
}

/** One durable step. After each of them the machine may stop. */
export type RotationAction =
  | { readonly kind: 'prepare'; readonly role: AuthorityRole; readonly underRoot?: string }
  | { readonly kind: 'publish'; readonly role: AuthorityRole; readonly name: string }
  | { readonly kind: 'activate'; readonly role: AuthorityRole; readonly names: readonly string[] }
  | { readonly kind: 'retire'; readonly role: AuthorityRole; readonly names: readonly string[] }
  | { readonly kind: 'prune'; readonly role: AuthorityRole; readonly name: string; readonly forget: boolean };

/** Why a step may not be taken yet. */
export interface Gate {
  readonly isOpen: boolean;
  /** When it opens if nobody does anything; undefined: it waits for a report. */
  readonly opensAt: number | undefined;
  readonly blockers: readonly Blocker[];
  /** Readers that were silent for so long that they do not count. */
  readonly silent: readonly BundleReader[];
}

export interface Blocker {
  readonly kind: 'agent' | 'federation' | 'certificate' | 'time';
  readonly name: string;
  /** What it waits for, as a sentence without its subject. */
  readonly why: string;
  /** For how long it has been so. */
  readonly since: number;
  readonly until?: number | undefined;
}
