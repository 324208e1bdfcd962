import { type Duration, days, hours, minutes } from '../base/duration.ts';
import { authorityErrors } from './errors.ts';

/** How long a leaf may live. Lifetimes count from now; the back-dating comes on top (csr-api.md §1.8). */
export interface LifetimePolicy {
  readonly defaultLifetime: Duration;
  readonly maximumLifetime: Duration;
}

export const istioLifetimes: LifetimePolicy = { defaultLifetime: hours(24), maximumLifetime: days(90) };

/** Instants in milliseconds, on whole seconds, as X.509 writes them. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface PlannedLifetime extends Validity {
  /** The signer ends before the lifetime that was asked for does (D4). */
  readonly shortenedToIssuer: boolean;
}

/** Refuses a policy whose default exceeds its maximum, or whose lifetimes are below a second. */
export function checkLifetimePolicy(policy: LifetimePolicy): LifetimePolicy {
  const { defaultLifetime, maximumLifetime } = policy;
  if (!(defaultLifetime >= 1000 && maximumLifetime >= defaultLifetime))
    throw authorityErrors.AUTHORITY_SETTINGS_INVALID({
      message: 'the default lifetime of leaves must be at least a second and at most their maximum lifetime',
    });
  return policy;
}

/**
 * The validity of a leaf asked for at `now` (D4, D5): zero or negative means the default, above the maximum is
 * refused with Istio's text, past the signer's end is cut to it. Throws TTL_ERROR, CERT_GEN_ERROR.
 */
export function planLifetime(
  policy: LifetimePolicy,
  requestedSeconds: bigint | number,
  signsUntil: number,
  now: number,
): PlannedLifetime {
  const asked = parseRequestedSeconds(requestedSeconds);
  const maximum = BigInt(Math.floor(policy.maximumLifetime / 1000));
  if (asked > maximum)
    throw authorityErrors.TTL_ERROR({
      message: `requested TTL ${formatSeconds(asked)} is greater than the max allowed TTL ${formatSeconds(maximum)}`,
    });
  if (now >= signsUntil) throw signerExpired(signsUntil);

  const start = toWholeSecond(now);
  const lifetime = asked > 0n ? Number(asked) * 1000 : toWholeSecond(policy.defaultLifetime);
  const wanted = start + lifetime;
  const notAfter = Math.min(wanted, signsUntil);
  return {
    notBefore: toWholeSecond(start - backDating(notAfter - start)),
    notAfter,
    shortenedToIssuer: notAfter < wanted,
  };
}

/** D5: clocks differ; two minutes for lifetimes of an hour or more, a tenth of shorter ones. */
export function backDating(lifetime: number): number {
  return lifetime >= hours(1) ? minutes(2) : Math.max(0, lifetime) / 10;
}

/** The validity of a CA certificate made at `now`, never past `latestEnd`. */
export function caValidity(now: number, lifetime: Duration, latestEnd = Number.POSITIVE_INFINITY): Validity {
  const start = toWholeSecond(now);
  return {
    notBefore: toWholeSecond(start - backDating(lifetime)),
    notAfter: Math.min(toWholeSecond(start + lifetime), latestEnd),
  };
}

/** When less than max(⅓ of its life, 2 × the default leaf lifetime) is left, an issuer renews itself (D4). */
export function issuerRenewalDueAt(issuer: Validity, defaultLeafLifetime: Duration): number {
  const life = issuer.notAfter - issuer.notBefore;
  return issuer.notAfter - Math.max(life / 3, 2 * defaultLeafLifetime);
}

/** Our own serving certificate renews at half of its life. */
export function halfLifeAt(certificate: Validity): number {
  return (certificate.notBefore + certificate.notAfter) / 2;
}

export const toWholeSecond = (ms: number): number => Math.floor(ms / 1000) * 1000;

/** The wire type is int64 seconds; Istio multiplies it unchecked into nanoseconds, we do not (C26). */
function parseRequestedSeconds(value: bigint | number): bigint {
  if (typeof value === 'number' && !Number.isInteger(value))
    throw authorityErrors.TTL_ERROR({ message: 'requested TTL is not a whole number of seconds' });
  const asked = BigInt(value);
  if (BigInt.asIntN(64, asked) !== asked)
    throw authorityErrors.TTL_ERROR({ message: 'requested TTL does not fit into 64 bits' });
  return asked;
}

/** Go's text for whole seconds of any size: `3h0m0s`, `1m30s`, `45s`. */
function formatSeconds(total: bigint): string {
  const s = total % 60n;
  const m = (total / 60n) % 60n;
  const h = total / 3600n;
  if (h > 0n) return `${h}h${m}m${s}s`;
  return m > 0n ? `${m}m${s}s` : `${s}s`;
}

function signerExpired(notAfter: number) {
  const at = new Date(notAfter)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' +0000 UTC');
  return authorityErrors.CERT_GEN_ERROR({ message: `signing certificate has expired at ${at}` });
}
