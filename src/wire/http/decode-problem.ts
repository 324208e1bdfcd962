import { CastellanError, type ErrorKind } from '../../base/errors.ts';
import type { Problem } from './problem.ts';

const kindOfStatus: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'denied',
  404: 'not-found',
  409: 'conflict',
  413: 'invalid',
  415: 'invalid',
  429: 'exhausted',
  499: 'cancelled',
  501: 'unsupported',
  503: 'unavailable',
  504: 'timeout',
};

/** What a server of ours answered, as one of our errors: for clients. Anything unreadable is known by its status only. */
export function decodeProblem(
  status: number,
  body: unknown,
  headers: { readonly retryAfter?: string } = {},
): CastellanError {
  const kind = kindOfStatus[status] ?? (status >= 500 ? 'internal' : 'invalid');
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Partial<Problem>;
  const retryAfter = Number(headers.retryAfter);
  return new CastellanError(
    typeof problem.code === 'string' ? problem.code : `HTTP_${status}`,
    {
      kind,
      message: typeof problem.title === 'string' ? problem.title : `the server answered ${status}`,
      next: typeof problem.next === 'string' ? problem.next : 'look up the status in the API reference',
    },
    {
      details: {
        ...(typeof problem.details === 'object' ? problem.details : {}),
        ...(typeof problem.requestId === 'string' ? { requestId: problem.requestId } : {}),
      },
      ...(Number.isFinite(retryAfter) && headers.retryAfter ? { retryAfterSeconds: retryAfter } : {}),
    },
  );
}
