import { baseErrors } from './errors.ts';

declare const durationBrand: unique symbol;

/** A length of time in milliseconds, not to be confused with an instant or a count. */
export type Duration = number & { readonly [durationBrand]: true };

export const milliseconds = (n: number): Duration => n as Duration;
export const seconds = (n: number): Duration => (n * 1000) as Duration;
export const minutes = (n: number): Duration => seconds(n * 60);
export const hours = (n: number): Duration => minutes(n * 60);
export const days = (n: number): Duration => hours(n * 24);

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const piece = /(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)/y;

/** Reads `24h`, `1h30m`, `1.5s`, `30d`, `0`; throws DURATION_MALFORMED. */
export function parseDuration(text: string): Duration {
  if (text === '0') return milliseconds(0);
  let at = 0;
  let total = 0;
  while (at < text.length) {
    piece.lastIndex = at;
    const found = piece.exec(text);
    if (!found) break;
    total += Number(found[1]) * (units[found[2] as string] as number);
    at = piece.lastIndex;
  }
  if (at === 0 || at !== text.length || !Number.isSafeInteger(Math.round(total)))
    throw baseErrors.DURATION_MALFORMED({ message: `not a duration: \`${text.slice(0, 64)}\`` });
  return milliseconds(Math.round(total));
}

/** Go's `time.Duration.String()`: `3h0m0s`, `1m30s`, `1.5s`, `250ms`, `0s`. Istio's error texts use this form. */
export function formatDuration(duration: Duration): string {
  const sign = duration < 0 ? '-' : '';
  const total = Math.abs(duration);
  if (total === 0) return '0s';
  if (total < 1000) return `${sign}${total}ms`;
  const wholeMinutes = Math.floor(total / 60_000);
  const secondsPart = `${(total % 60_000) / 1000}s`;
  if (wholeMinutes === 0) return sign + secondsPart;
  const h = Math.floor(wholeMinutes / 60);
  const m = wholeMinutes % 60;
  return h > 0 ? `${sign}${h}h${m}m${secondsPart}` : `${sign}${m}m${secondsPart}`;
}
