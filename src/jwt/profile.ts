import { asymmetricAlgorithms, requestAlgorithms, svidAlgorithms } from './algorithms.ts';
import type { CompactLimits } from './compact.ts';

/** What one purpose demands of a token (D14). Make one with the functions below. */
export interface JwtProfile {
  readonly name: 'caller' | 'request' | 'jwt-svid';
  /** Differs for every profile that could judge a token differently: part of every cache key. */
  readonly id: string;
  readonly limits: CompactLimits;
  readonly algorithms: ReadonlySet<string>;
  readonly leewaySeconds: number;
  /** The one `iss` that is right, compared exactly; undefined: any. */
  readonly issuer: string | undefined;
  /** One of these must be among `aud`; undefined: not checked. */
  readonly audiences: readonly string[] | undefined;
  /** How both sides of an audience are written before they are compared. */
  readonly audienceForm: (audience: string) => string;
  readonly expRequired: boolean;
  readonly kidRequired: boolean;
  /** `iat` in the future refuses. */
  readonly iatChecked: boolean;
  /** iat, nbf and exp are whole numbers, not just numbers. */
  readonly wholeSeconds: boolean;
  readonly subject: 'any' | 'spiffe-id';
  /** Header parameters that point at keys (`jku x5u jwk x5c`) refuse; else they have no effect. */
  readonly keyPointersRefused: boolean;
  /** `typ`, if set, is one of these; undefined: not looked at. */
  readonly types: ReadonlySet<string> | undefined;
}

const asWritten = (audience: string) => audience;

/** Callers of our own doors, CSR API and operators: the T rows. */
export function callerProfile(options: { issuer: string; audiences: readonly string[] }): JwtProfile {
  if (options.issuer === '') throw new TypeError('a caller profile needs an issuer');
  if (options.audiences.length === 0) throw new TypeError('a caller profile needs an audience');
  return Object.freeze({
    name: 'caller',
    id: JSON.stringify(['caller', options.issuer, options.audiences]),
    limits: { maxBytes: 16 * 1024, maxDepth: 16 },
    algorithms: asymmetricAlgorithms,
    leewaySeconds: 30,
    issuer: options.issuer,
    audiences: [...options.audiences],
    audienceForm: asWritten,
    expRequired: true,
    kidRequired: false,
    iatChecked: true,
    wholeSeconds: false,
    subject: 'any',
    keyPointersRefused: true,
    types: undefined,
  });
}

/**
 * RequestAuthentication (policy.md §2.1, §2.4). Without an issuer any is right; with no audience listed none is checked.
 * `http(s)://` in front and one `/` behind an audience do not count.
 */
export function requestProfile(options: { issuer?: string; audiences?: readonly string[] }): JwtProfile {
  const issuer = options.issuer === '' ? undefined : options.issuer;
  const audiences = options.audiences?.length ? [...options.audiences] : undefined;
  return Object.freeze({
    name: 'request',
    id: JSON.stringify(['request', issuer, audiences]),
    limits: { maxBytes: 64 * 1024, maxDepth: 32 },
    algorithms: requestAlgorithms,
    leewaySeconds: 60,
    issuer,
    audiences,
    audienceForm: bareAudience,
    expRequired: false,
    kidRequired: false,
    iatChecked: false,
    wholeSeconds: true,
    subject: 'any',
    keyPointersRefused: false,
    types: undefined,
  });
}

/** JWT-SVIDs (J-01 … J-14). The keys must be those of the trust domain in `sub` (J-14): choose them with `peekJwt`. */
export function jwtSvidProfile(options: { audiences: readonly string[] }): JwtProfile {
  if (options.audiences.length === 0) throw new TypeError('a JWT-SVID is judged for an audience');
  return Object.freeze({
    name: 'jwt-svid',
    id: JSON.stringify(['jwt-svid', options.audiences]),
    limits: { maxBytes: 16 * 1024, maxDepth: 16 },
    algorithms: svidAlgorithms,
    leewaySeconds: 30,
    issuer: undefined,
    audiences: [...options.audiences],
    audienceForm: asWritten,
    expRequired: true,
    kidRequired: true,
    iatChecked: false,
    wholeSeconds: false,
    subject: 'spiffe-id',
    keyPointersRefused: true,
    types: new Set(['JWT', 'JOSE']),
  });
}

function bareAudience(audience: string): string {
  const bare = audience.replace(/^https?:\/\//, '');
  return bare.endsWith('/') ? bare.slice(0, -1) : bare;
}
