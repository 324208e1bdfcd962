import type { PositionedNode } from '../../resources/index.ts';
import type { AuthzRequest, Decision, EngineSettings, WorkloadFacts } from '../index.ts';

/** One request of a PolicyTest and what has to come of it. */
export interface PolicyTestCase {
  readonly name: string;
  /** Ids of a conformance catalogue that the case holds. */
  readonly ids: readonly string[];
  readonly request: AuthzRequest;
  readonly expect: Expectation;
  /** Given only where the strict mode differs. */
  readonly expectStrict: Expectation | undefined;
  readonly node: PositionedNode;
  /** Where in a matrix it stands; undefined for a case that is written out. */
  readonly cell: MatrixCell | undefined;
}

export interface MatrixCell {
  /** Which of the test's matrices. */
  readonly matrix: number;
  readonly from: string;
  readonly to: string;
  readonly call: string;
}

/** What is named must be so; what is not named may be anything. */
export interface Expectation {
  readonly outcome: 'allow' | 'deny';
  readonly reason: string | undefined;
  readonly stage: string | undefined;
  /** A policy id in Istio's form; `none`: no policy is named. */
  readonly policy: string | undefined;
  readonly audit: string | undefined;
  readonly status: number | undefined;
  /** The same for a gRPC client. */
  readonly grpcStatus: number | undefined;
  readonly body: string | undefined;
  /** Envoy's response code detail. */
  readonly detail: string | undefined;
  /** Of the denial. */
  readonly headers: ReadonlyMap<string, string> | undefined;
  /** The path that rules see. */
  readonly path: string | undefined;
  /** The target that goes on to the workload, query included. */
  readonly forwards: string | undefined;
  readonly setHeaders: ReadonlyMap<string, string> | undefined;
  readonly removeHeaders: readonly string[] | undefined;
  /** Outcome were every dry-run policy enforced. */
  readonly wouldHave: { readonly outcome: 'allow' | 'deny'; readonly policy: string | undefined } | undefined;
}

export type Mode = 'default' | 'strict';

export interface PolicyTestDefinition {
  readonly title: string;
  /** Files and directories, relative to the test's own file, whose resources it is about; empty: all that are read. */
  readonly policies: readonly string[];
  /** Modes in which every case runs; `['default']` unless said otherwise. */
  readonly modes: readonly Mode[];
  /** Istio's feature flags, and our own, under which the cases hold. */
  readonly settings: Omit<EngineSettings, 'mesh' | 'strict'>;
  readonly workloads: ReadonlyMap<string, WorkloadFacts>;
  readonly cases: readonly PolicyTestCase[];
}

export interface CaseResult {
  readonly test: string;
  readonly name: string;
  readonly mode: Mode;
  readonly file: string;
  readonly line: number;
  readonly passed: boolean;
  /** One line per expectation that was not met: what was wanted, what was got. */
  readonly problems: readonly string[];
  readonly decision: Decision;
  readonly cell: MatrixCell | undefined;
}
