import { inspect } from 'node:util';
import { CastellanError } from '../../base/errors.ts';
import { type ExitCode, exitCodeFor, exitCodes } from './exit-codes.ts';
import type { Style } from './style.ts';
import { printable } from './width.ts';

/** What a person reads when something broke: what, why, what to do now. */
export interface Fault {
  readonly what: string;
  readonly why?: string;
  readonly next: string;
  readonly code: string;
  readonly exitCode: ExitCode;
}

export function describeFault(error: unknown): Fault {
  if (error instanceof CastellanError) {
    const why = reasonOf(error.cause);
    return {
      what: error.publicMessage,
      ...(why === undefined ? {} : { why }),
      next: error.next,
      code: error.code,
      exitCode: exitCodeFor(error),
    };
  }
  return {
    what: 'castellan broke: this is a fault of ours, not of your input',
    why: reasonOf(error) ?? 'unknown',
    next: 'run the command again with --debug and report what it prints',
    code: 'INTERNAL',
    exitCode: exitCodes.bug,
  };
}

function reasonOf(cause: unknown): string | undefined {
  if (cause === undefined) return undefined;
  if (cause instanceof Error) return cause.message === '' ? cause.name : cause.message;
  return typeof cause === 'string' ? cause : undefined;
}

export function formatFault(fault: Fault, style: Style): string {
  const lines = [`${style.red('error:')} ${printable(fault.what)} (${fault.code})`];
  if (fault.why !== undefined) lines.push(`  why   ${printable(fault.why)}`);
  lines.push(`  next  ${printable(fault.next)}`);
  return `${lines.join('\n')}\n`;
}

/** With `--debug`: the whole error, causes and stack. Secrets print elided by their own type. */
export function formatStack(error: unknown): string {
  return `${inspect(error, { depth: 6 })}\n`;
}
