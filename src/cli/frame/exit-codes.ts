import { CastellanError, type ErrorKind } from '../../base/errors.ts';

/** The exit-code contract: 0 yes, 1 no, 64 and above something broke (names after sysexits). */
export const exitCodes = {
  ok: 0,
  /** The answer is no: denied, findings, tests failed, differences, not ready. */
  no: 1,
  usage: 64,
  badInput: 65,
  unreachable: 69,
  bug: 70,
  tryAgain: 75,
  notPermitted: 77,
  badConfiguration: 78,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const byKind: Readonly<Record<ErrorKind, ExitCode>> = {
  invalid: exitCodes.badInput,
  unauthenticated: exitCodes.notPermitted,
  denied: exitCodes.notPermitted,
  'not-found': exitCodes.no,
  conflict: exitCodes.no,
  precondition: exitCodes.no,
  exhausted: exitCodes.tryAgain,
  unavailable: exitCodes.unreachable,
  timeout: exitCodes.tryAgain,
  cancelled: exitCodes.tryAgain,
  unsupported: exitCodes.badInput,
  internal: exitCodes.bug,
};

const usageCodes = new Set(['USAGE', 'SECRET_ON_COMMAND_LINE']);

const overrides = new WeakMap<Error, ExitCode>();

/** A verb knows better than the error's kind what its exit code means here. */
export function overrideExitCode(error: Error, code: ExitCode): void {
  overrides.set(error, code);
}

export function exitCodeFor(error: unknown): ExitCode {
  if (!(error instanceof CastellanError)) return exitCodes.bug;
  if (usageCodes.has(error.code)) return exitCodes.usage;
  // Settings are configuration, whatever the kind of the error.
  if (error.code.startsWith('SETTING')) return exitCodes.badConfiguration;
  return overrides.get(error) ?? byKind[error.kind];
}
