import { spiffeErrors } from './errors.ts';
import { isTrustDomain, maxTrustDomainBytes, type TrustDomain } from './trust-domain.ts';

/** SPIFFE-ID §2.3: the whole ID, scheme included, is supported up to this length and refused beyond it. */
export const maxSpiffeIdBytes = 2048;

const scheme = 'spiffe://';
const segmentShape = /^[a-zA-Z0-9._-]+$/;

/** A SPIFFE ID as a value. Two IDs are equal when their `uri`s are (ID-18: the parser refuses other spellings). */
export class SpiffeId {
  readonly trustDomain: TrustDomain;
  /** Empty, or `/` and segments without a trailing slash. */
  readonly path: string;
  readonly uri: string;

  private constructor(trustDomain: TrustDomain, path: string) {
    this.trustDomain = trustDomain;
    this.path = path;
    this.uri = `${scheme}${trustDomain}${path}`;
    Object.freeze(this);
  }

  /** Reads `spiffe://<td>[/<path>]`; throws SPIFFE_ID_MALFORMED with the rule that was broken. */
  static parse(text: string): SpiffeId {
    const problem = findProblem(text);
    if (problem !== undefined)
      throw spiffeErrors.SPIFFE_ID_MALFORMED({
        message: `not a SPIFFE ID: \`${printable(text)}\` (${problem})`,
        details: { rule: problem },
      });
    return SpiffeId.fromValidText(text);
  }

  /** As `parse`, but undefined instead of an error. */
  static tryParse(text: string): SpiffeId | undefined {
    return findProblem(text) === undefined ? SpiffeId.fromValidText(text) : undefined;
  }

  /** Builds an ID from segments, each checked. */
  static of(trustDomain: TrustDomain, ...segments: readonly string[]): SpiffeId {
    return SpiffeId.parse(`${scheme}${trustDomain}${segments.map((segment) => `/${segment}`).join('')}`);
  }

  private static fromValidText(text: string): SpiffeId {
    const slash = text.indexOf('/', scheme.length);
    return slash === -1
      ? new SpiffeId(text.slice(scheme.length) as TrustDomain, '')
      : new SpiffeId(text.slice(scheme.length, slash) as TrustDomain, text.slice(slash));
  }

  get segments(): readonly string[] {
    return this.path === '' ? [] : this.path.slice(1).split('/');
  }

  /** Istio's way to write a principal: without the scheme. */
  get principal(): string {
    return this.uri.slice(scheme.length);
  }

  equals(other: SpiffeId): boolean {
    return this.uri === other.uri;
  }

  toString(): string {
    return this.uri;
  }

  toJSON(): string {
    return this.uri;
  }
}

/** Namespace and service account of an Istio-shaped ID `/ns/<ns>/sa/<sa>`, exactly four segments. */
export function workloadAccount(id: SpiffeId): { namespace: string; serviceAccount: string } | undefined {
  const [ns, namespace, sa, serviceAccount, ...rest] = id.segments;
  if (
    ns !== 'ns' ||
    sa !== 'sa' ||
    namespace === undefined ||
    serviceAccount === undefined ||
    rest.length > 0
  )
    return undefined;
  return { namespace, serviceAccount };
}

/** D11: only the server itself bears it. */
export function serverId(trustDomain: TrustDomain): SpiffeId {
  return SpiffeId.of(trustDomain, 'castellan', 'server');
}

/** D11: `/castellan/**` is made by node attestation only. */
export function isReservedId(id: SpiffeId): boolean {
  return id.path === '/castellan' || id.path.startsWith('/castellan/');
}

function findProblem(text: string): string | undefined {
  if (text.length > maxSpiffeIdBytes) return `longer than ${maxSpiffeIdBytes} bytes`;
  if (!text.startsWith(scheme)) return 'the scheme is not spiffe, in lower case';
  const slash = text.indexOf('/', scheme.length);
  const trustDomain = slash === -1 ? text.slice(scheme.length) : text.slice(scheme.length, slash);
  if (trustDomain === '') return 'the trust domain is empty';
  if (trustDomain.length > maxTrustDomainBytes)
    return `the trust domain is longer than ${maxTrustDomainBytes} bytes`;
  if (!isTrustDomain(trustDomain))
    return 'the trust domain has a character outside a-z, 0-9, dot, dash, underscore';
  return slash === -1 ? undefined : findPathProblem(text.slice(slash + 1));
}

function findPathProblem(path: string): string | undefined {
  for (const segment of path.split('/')) {
    if (segment === '')
      return path.endsWith('/') || path === '' ? 'it ends with a slash' : 'a path segment is empty';
    if (segment === '.' || segment === '..') return 'a path segment is a dot segment';
    if (!segmentShape.test(segment))
      return 'a path segment has a character outside a-z, A-Z, 0-9, dot, dash, underscore';
  }
  return undefined;
}

function printable(text: string): string {
  const short = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return short.replace(/[^\x20-\x7e…]/g, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}
