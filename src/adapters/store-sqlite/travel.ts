import { baseErrors, type CastellanError } from '../../base/errors.ts';
import { type Refusal, storeErrors } from '../../operations/ports/index.ts';
import type { RefusalRow, StampedWrite } from './protocol.ts';

/** The error a code of the writer thread stands for. */
export function asError(code: string, detail: string): CastellanError {
  const raise =
    code in storeErrors.$catalogue ? storeErrors[code as keyof typeof storeErrors.$catalogue] : undefined;
  return raise?.() ?? baseErrors.INTERNAL({ cause: detail });
}

const longestDetail = 2048;
const longestEvidence = 8192;

/** Bounded and already text, so that a note can neither fail a batch nor fill the disk; undefined if it is neither. */
export function asRow({ requestId, at, code, detail, evidence }: Refusal): RefusalRow | undefined {
  try {
    const text = JSON.stringify(evidence);
    const kept = text.length <= longestEvidence ? text : JSON.stringify({ tooLong: text.length });
    return {
      requestId: requestId.slice(0, 128),
      at,
      code,
      detail: detail.slice(0, longestDetail),
      evidence: kept,
    };
  } catch {
    return undefined;
  }
}

/** Whether the writer thread could be sent this. */
export function canTravel(stamped: StampedWrite): boolean {
  try {
    structuredClone(stamped);
    return true;
  } catch {
    return false;
  }
}
