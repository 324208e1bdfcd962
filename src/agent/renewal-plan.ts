/** When to renew and when to try again: pure arithmetic, so that a test can ask for any moment. */

/** Renewals are spread over this share of the half life to either side, so that agents started together drift apart. */
const jitterShare = 0.1;

export interface Life {
  readonly receivedAt: number;
  readonly notAfter: number;
}

/** D5: half of what was left at receipt, not of the validity written in the certificate; `unit` is in [0, 1). */
export function renewalAt({ receivedAt, notAfter }: Life, unit: number): number {
  const half = Math.max(0, notAfter - receivedAt) / 2;
  return receivedAt + half * (1 - jitterShare + 2 * jitterShare * unit);
}

export interface RetryOptions {
  /** Failures in a row, the last one included. */
  readonly failures: number;
  readonly unit: number;
  readonly baseMs: number;
  readonly capMs: number;
  /** The server's own wish, which is never undercut. */
  readonly retryAfterSeconds?: number | undefined;
}

/** Doubling from the base up to the cap, the upper half of it by chance. */
export function retryDelay({ failures, unit, baseMs, capMs, retryAfterSeconds = 0 }: RetryOptions): number {
  const whole = Math.min(capMs, baseMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.max(whole * (0.5 + unit / 2), retryAfterSeconds * 1000 * (1 + unit / 2));
}

/** The longest wait between attempts while a certificate has `leftMs` to live: a quarter of it, in these bounds. */
export function retryCap(leftMs: number): number {
  return Math.min(30_000, Math.max(1_000, leftMs / 4));
}
