/**
 * Real tokens for policy vectors. A vector says what a token claims and what is wrong with it; here it becomes a token
 * that is so, signed by one key made for the run, and the RequestAuthentications get the public half of that key.
 */

import { parseKeySet } from '../../src/jwt/index.ts';
import type { AuthzRequest, KeySetSource } from '../../src/policy/index.ts';
import type { AnyResource } from '../../src/resources/index.ts';
import { FakeTokenIssuer } from '../fakes/token-issuer.ts';
import type { PolicyVector } from './policy-vectors.ts';

type Plain = Readonly<Record<string, unknown>>;

export class VectorTokens {
  readonly #issuer = new FakeTokenIssuer({ kid: 'vectors' });
  readonly #stranger = new FakeTokenIssuer({ kid: 'vectors' });
  readonly #nowSeconds: number;

  /** `nowMs`: the instant at which the tokens will be judged. */
  constructor(nowMs: number) {
    this.#nowSeconds = Math.floor(nowMs / 1000);
  }

  get jwks(): string {
    return this.#issuer.jwks();
  }

  /** The resources, every inline key set of a RequestAuthentication replaced by the real one. */
  withKeys(policies: readonly AnyResource[]): readonly AnyResource[] {
    return policies.map((resource) =>
      resource.kind === 'RequestAuthentication'
        ? {
            ...resource,
            spec: {
              ...resource.spec,
              jwtRules: resource.spec.jwtRules.map((rule) =>
                rule.jwks === undefined ? rule : { ...rule, jwks: this.jwks },
              ),
            },
          }
        : resource,
    );
  }

  /** What was fetched for rules with a `jwksUri`: the same keys, or none when the vector says so. */
  keySets(vector: PolicyVector): KeySetSource {
    const unavailable = tokensOf(vector).some(({ fault }) => fault === 'keys-unavailable');
    const keys = parseKeySet(this.jwks, { source: 'remote' });
    return { keysFor: () => (unavailable ? undefined : keys) };
  }

  /** The request as it would come over the wire: tokens at their places, and no verdict about them. */
  realRequest(vector: PolicyVector): AuthzRequest {
    const { tokens: _, http, ...rest } = vector.request;
    if (http === undefined) return { ...rest };
    const tokens = tokensOf(vector).map((token) => this.#mint(token));
    const fill = (text: string) => text.replace(/token-(\d+)/g, (all, i: string) => tokens[Number(i)] ?? all);
    const headers = new Map([...http.headers].map(([name, lines]) => [name, lines.map(fill)]));
    return { ...rest, http: { ...http, path: fill(http.path), headers } };
  }

  #mint({ claims, fault }: Plain): string {
    const issuer = fault === 'bad-signature' ? this.#stranger : this.#issuer;
    const payload: Record<string, unknown> = { ...(claims as Plain) };
    if (fault === 'malformed') return 'one.two';
    if (fault === 'expired') payload.exp = this.#nowSeconds - 3600;
    if (fault === 'not-yet-valid') payload.nbf = this.#nowSeconds + 3600;
    const header = { alg: 'ES256', kid: fault === 'no-matching-key' ? 'another' : 'vectors' };
    return issuer.signText(JSON.stringify(header), JSON.stringify(payload));
  }
}

/** `jwt` first, then `tokens`, as the reader numbers them. */
function tokensOf({ written }: PolicyVector): readonly Plain[] {
  const short = written.jwt === undefined ? [] : [{ claims: written.jwt }];
  return [...short, ...((written.tokens ?? []) as readonly Plain[])];
}
