import type { AuthzRequest, Decision, DecisionReason, DenyResponse, Stage } from '../../policy/index.ts';

/** How the workload was found, in the order in which the ways are tried. */
export type FoundBy = 'spiffe-id' | 'context' | 'labels' | 'address';

/** What became of a question. */
export interface CheckOutcome {
  /** ULID: `castellan explain` knows it. */
  readonly id: string;
  readonly decision: Decision;
  /** About an HTTP request; false: about a plain connection. */
  readonly isHttp: boolean;
  /** The name under which the asking proxy is bound; absent when it is not. */
  readonly binding?: string | undefined;
  readonly foundBy?: FoundBy | undefined;
  /** What was decided about; absent when the question never became one. */
  readonly request?: AuthzRequest | undefined;
  /** For operators: what was not believed, and why. */
  readonly notes: readonly string[];
}

/** A denial that no policy pronounced. */
export interface DenialOptions {
  readonly reason: DecisionReason;
  readonly detail: string;
  readonly status: number;
  readonly grpcStatus?: number;
  readonly revision: string;
  readonly isHttp: boolean;
  readonly stage?: Stage;
}

export function deniedDecision(options: DenialOptions): Decision {
  const { reason, detail, status, revision, isHttp, grpcStatus = 7, stage = 'peer_authentication' } = options;
  const response: DenyResponse = {
    status: isHttp ? status : 0,
    grpcStatus,
    body: '',
    headers: [],
    detail: reason,
  };
  return {
    outcome: 'deny',
    reason,
    stage,
    detail,
    effects: { setHeaders: [], removeHeaders: [], removeParams: [], response },
    revision,
    inputs: [],
    layer: isHttp ? 'http' : 'tcp',
  };
}
