import { decodeBase64url } from './base64url.ts';
import { type JsonFault, type JsonObject, parseJsonObject } from './json.ts';
import { type RejectedJwt, reject } from './reasons.ts';

/** A token's three parts, decoded but **not verified**. */
export interface CompactJwt {
  readonly ok: true;
  readonly header: JsonObject;
  readonly claims: JsonObject;
}

export interface CompactLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
}

const faults: Readonly<Record<JsonFault, string>> = {
  'not-utf8': 'not UTF-8',
  syntax: 'not JSON',
  'duplicate-name': 'a member name occurs twice',
  'too-deep': 'nested too deep',
  'number-range': 'a number is out of range',
  'not-an-object': 'not a JSON object',
};

/** Splits and decodes `header.payload.signature` (J-01, T19, T23); everything is bounded by the size check up front. */
export function parseCompact(token: string, limits: CompactLimits): CompactJwt | RejectedJwt {
  if (token.length > limits.maxBytes) return reject('too-large', `longer than ${limits.maxBytes} bytes`);
  const parts = token.split('.', 4);
  const [headerText = '', payloadText = '', signatureText = ''] = parts;
  if (parts.length !== 3 || headerText === '' || payloadText === '' || signatureText === '')
    return reject('not-three-parts', 'not three parts with something in each');
  const headerBytes = decodeBase64url(headerText);
  if (headerBytes === undefined) return reject('header-base64', 'the header is not strict base64url');
  const header = parseJsonObject(headerBytes, limits.maxDepth);
  if (!header.ok) return reject('header-json', `the header: ${faults[header.fault]}`);
  const payloadBytes = decodeBase64url(payloadText);
  if (payloadBytes === undefined) return reject('payload-base64', 'the payload is not strict base64url');
  const claims = parseJsonObject(payloadBytes, limits.maxDepth);
  if (!claims.ok) return reject('payload-json', `the payload: ${faults[claims.fault]}`);
  if (decodeBase64url(signatureText) === undefined)
    return reject('signature-base64', 'the signature is not strict base64url');
  return { ok: true, header: header.value, claims: claims.value };
}

/** What a token says of itself, unverified: only to choose whose keys to verify it with. */
export interface UnverifiedJwt {
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  readonly keyId: string | undefined;
  /** Milliseconds. */
  readonly expiresAt: number | undefined;
}

export function peekJwt(token: string, limits: CompactLimits = defaultLimits): UnverifiedJwt | undefined {
  const parsed = parseCompact(token, limits);
  if (!parsed.ok) return undefined;
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    issuer: text(parsed.claims.iss),
    subject: text(parsed.claims.sub),
    keyId: text(parsed.header.kid),
    expiresAt: typeof parsed.claims.exp === 'number' ? parsed.claims.exp * 1000 : undefined,
  };
}

/** T19: 16 KiB holds any token that a caller has reason to send. */
export const defaultLimits: CompactLimits = Object.freeze({ maxBytes: 16 * 1024, maxDepth: 16 });
