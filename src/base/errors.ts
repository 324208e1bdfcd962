/**
 * The error family: one class, and one catalogue made of a small table per room.
 * A denial is a value, not an error; wrong use by our own code is a `TypeError`.
 */

export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'denied'
  | 'not-found'
  | 'conflict'
  | 'precondition'
  | 'exhausted'
  | 'unavailable'
  | 'timeout'
  | 'cancelled'
  | 'unsupported'
  | 'internal';

/** One row of a room's catalogue. `message` is safe for the far end; `next` says what to do now. */
export interface ErrorSpec {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly next: string;
}

export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

export interface RaiseOptions {
  /** Replaces the catalogue's message: lower case, no full stop, outside input in back-ticks, safe to send. */
  readonly message?: string;
  /** Safe facts for the far end. */
  readonly details?: ErrorDetails;
  readonly retryAfterSeconds?: number;
  /** The private reason: logged once at the edge, never sent. */
  readonly cause?: unknown;
}

export class CastellanError extends Error {
  override readonly name = 'CastellanError';
  readonly code: string;
  readonly kind: ErrorKind;
  readonly publicMessage: string;
  readonly next: string;
  readonly details: ErrorDetails;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: string, spec: ErrorSpec, options: RaiseOptions = {}) {
    const publicMessage = options.message ?? spec.message;
    super(publicMessage, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kind = spec.kind;
    this.publicMessage = publicMessage;
    this.next = spec.next;
    this.details = options.details ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

export type ErrorCatalogue = Readonly<Record<string, ErrorSpec>>;

type Raisers<C extends ErrorCatalogue> = {
  readonly [Code in keyof C & string]: (options?: RaiseOptions) => CastellanError;
};

/**
 * Makes one function per code that builds (not throws) the error: `throw x509Errors.CSR_TOO_LARGE()`.
 * Codes are UPPER_SNAKE, unique over all rooms (a test holds that), stable and documented.
 */
export function defineErrors<const C extends ErrorCatalogue>(
  catalogue: C,
): Raisers<C> & { readonly $catalogue: C } {
  const raisers = Object.fromEntries(
    Object.entries(catalogue).map(([code, spec]) => [
      code,
      (options?: RaiseOptions) => new CastellanError(code, spec, options),
    ]),
  ) as Raisers<C>;
  return Object.freeze({ ...raisers, $catalogue: catalogue });
}

/** True for an error of ours, optionally of one code. */
export function isCastellanError(error: unknown, code?: string): error is CastellanError {
  return error instanceof CastellanError && (code === undefined || error.code === code);
}

export const baseErrors = defineErrors({
  INTERNAL: {
    kind: 'internal',
    message: 'internal error',
    next: 'look up the request id in the server log; report it if the log names no cause',
  },
  DURATION_MALFORMED: {
    kind: 'invalid',
    message: 'not a duration',
    next: 'write a duration such as 90s, 15m, 24h or 30d',
  },
  CANCELLED: { kind: 'cancelled', message: 'the caller went away', next: 'call again' },
  DEADLINE_EXCEEDED: {
    kind: 'timeout',
    message: 'the deadline passed before the work was done',
    next: 'call again with a longer deadline',
  },
});

/** Ours as it is; anything else is INTERNAL, with what it was as the private cause. */
export function asCastellanError(error: unknown): CastellanError {
  return isCastellanError(error) ? error : baseErrors.INTERNAL({ cause: error });
}
