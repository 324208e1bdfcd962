import type { CastellanError, ErrorKind } from '../../base/errors.ts';

const statusOfKind: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  denied: 403,
  'not-found': 404,
  conflict: 409,
  precondition: 409,
  exhausted: 429,
  unavailable: 503,
  timeout: 504,
  cancelled: 499,
  unsupported: 501,
  internal: 500,
};

/** Codes for which HTTP has a better word than their kind. */
const statusOfCode: Readonly<Record<string, number>> = {
  BODY_TOO_LARGE: 413,
  CONTENT_TYPE_UNSUPPORTED: 415,
};

export const problemContentType = 'application/problem+json';

/** RFC 9457. `code` is ours and stable; `next` says what to do now; details are safe facts. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly next: string;
  readonly requestId: string;
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

export function encodeProblem(error: CastellanError, requestId: string): Problem {
  return {
    type: `urn:castellan:error:${error.code}`,
    title: error.publicMessage.toWellFormed(),
    status: statusOfCode[error.code] ?? statusOfKind[error.kind],
    code: error.code,
    next: error.next,
    requestId,
    ...(Object.keys(error.details).length > 0 ? { details: error.details } : {}),
  };
}
