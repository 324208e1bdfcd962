import type { Decision, HeaderValue } from '../../policy/index.ts';
import type { CheckOutcome } from './outcome.ts';

/** Headers that are ours: set on what goes upstream, or removed from it, so that no client can forge one. */
export const ownHeaders = Object.freeze({
  decisionId: 'x-castellan-decision-id',
  sourcePrincipal: 'x-castellan-source-principal',
  requestPrincipal: 'x-castellan-request-principal',
  shadow: 'x-castellan-shadow',
});

const ownNames: ReadonlySet<string> = new Set(Object.values(ownHeaders));

export function isOwnHeader(name: string): boolean {
  return ownNames.has(name);
}

/** What a door makes of an outcome, whatever its dialect. */
export type Answer = AllowAnswer | DenyAnswer;

export interface AllowAnswer {
  readonly kind: 'allow';
  readonly setHeaders: readonly HeaderValue[];
  readonly removeHeaders: readonly string[];
  readonly removeParams: readonly string[];
  /** The path that was decided about, where it is not the one that came. */
  readonly path?: string | undefined;
  /** For the client. */
  readonly responseHeaders: readonly HeaderValue[];
}

export interface DenyAnswer {
  readonly kind: 'deny';
  /** HTTP status; 400 malformed, 401, 403, 503 fault, or what a provider asked for. */
  readonly status: number;
  readonly isUnauthenticated: boolean;
  /** A fault of ours, not a judgement. */
  readonly isFault: boolean;
  readonly headers: readonly HeaderValue[];
  readonly body: string;
}

const faults: ReadonlySet<Decision['reason']> = new Set(['internal_error', 'overloaded']);

export function isFault(decision: Decision): boolean {
  return faults.has(decision.reason);
}

export function answerOf(outcome: CheckOutcome): Answer {
  return outcome.decision.outcome === 'allow' ? allowed(outcome) : denied(outcome);
}

function allowed({ id, decision, request }: CheckOutcome): AllowAnswer {
  const { effects, requestIdentity, wouldHave } = decision;
  const setHeaders: HeaderValue[] = [{ name: ownHeaders.decisionId, value: id }];
  const removeHeaders: string[] = [];
  const own = (name: string, value: string | undefined) => {
    if (value === undefined) removeHeaders.push(name);
    else setHeaders.push({ name, value });
  };
  own(ownHeaders.sourcePrincipal, request?.connection.peer?.uri);
  own(ownHeaders.requestPrincipal, principalText(requestIdentity?.issuer, requestIdentity?.subject));
  own(ownHeaders.shadow, wouldHave?.outcome === 'deny' ? 'deny' : undefined);
  for (const header of effects.setHeaders) setHeaders.push(header);
  for (const name of effects.removeHeaders) removeHeaders.push(name);
  return {
    kind: 'allow',
    setHeaders,
    removeHeaders,
    removeParams: effects.removeParams,
    path: effects.path,
    responseHeaders: [{ name: ownHeaders.decisionId, value: id }],
  };
}

/** Only what may stand in a header; `issuer/subject` as policies write request principals. */
function principalText(issuer: string | undefined, subject: string | undefined): string | undefined {
  if (issuer === undefined || subject === undefined) return undefined;
  const text = `${issuer}/${subject}`;
  return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}

function denied({ id, decision }: CheckOutcome): DenyAnswer {
  const { response } = decision.effects;
  const fault = isFault(decision);
  // A connection that peer authentication refuses is closed by a mesh proxy; here it can only be answered.
  const status = fault ? 503 : response === undefined || response.status === 0 ? 403 : response.status;
  const isUnauthenticated = status === 401 || (status >= 300 && status < 400);
  const headers: HeaderValue[] = [
    { name: ownHeaders.decisionId, value: id },
    ...(fault ? [{ name: 'retry-after', value: '1' }] : []),
    ...(response?.headers ?? []),
  ];
  const body = response?.body ?? '';
  if (body !== '') return { kind: 'deny', status, isUnauthenticated, isFault: fault, headers, body };
  headers.push({ name: 'content-type', value: 'application/json' });
  const error = fault ? 'unavailable' : (classes[status] ?? 'forbidden');
  return {
    kind: 'deny',
    status,
    isUnauthenticated,
    isFault: fault,
    headers,
    body: JSON.stringify({ error, decision_id: id }),
  };
}

/** All that the outside caller learns beside the id (experience.md §4.6). */
const classes: Readonly<Record<number, string>> = {
  400: 'malformed',
  401: 'unauthenticated',
  403: 'forbidden',
  413: 'too_large',
  429: 'rate_limited',
};
