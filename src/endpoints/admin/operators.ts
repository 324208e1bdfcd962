import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import type { Secret } from '../../base/secret.ts';
import type { Operator, OperatorRole } from '../../operations/operator.ts';
import { adminErrors } from './errors.ts';

export interface OperatorToken {
  readonly name: string;
  readonly role: OperatorRole;
  readonly token: Secret;
}

/** Who may use a listener: whoever reaches the Unix socket, or whoever has a token. */
export type OperatorAccess =
  | { readonly kind: 'local' }
  | { readonly kind: 'tokens'; readonly tokens: readonly OperatorToken[]; readonly clock: Clock };

const tokenShape = /^Bearer ([A-Za-z0-9_-]{16,256})$/;
const mostFailures = 10;
const lockOutMs = 60_000;
const mostAddresses = 10_000;

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Wrong tokens by address (O12): after ten in a minute the address waits, and its right token waits with it. */
class FailureCounter {
  readonly #byAddress = new Map<string, { count: number; since: number }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  secondsLeft(address: string): number {
    const found = this.#byAddress.get(address);
    if (found === undefined) return 0;
    const left = found.since + lockOutMs - this.#clock.bootTime();
    if (left <= 0) this.#byAddress.delete(address);
    return left > 0 && found.count >= mostFailures ? Math.ceil(left / 1000) : 0;
  }

  note(address: string): void {
    const found = this.#byAddress.get(address);
    if (found !== undefined) {
      found.count += 1;
      return;
    }
    const oldest = this.#byAddress.keys().next().value;
    if (this.#byAddress.size >= mostAddresses && oldest !== undefined) this.#byAddress.delete(oldest);
    this.#byAddress.set(address, { count: 1, since: this.#clock.bootTime() });
  }
}

/** Makes the function that says who calls; it throws for anybody else. */
export function operatorGate(access: OperatorAccess): (request: FastifyRequest) => Operator {
  if (access.kind === 'local')
    return ({ id }) => ({ name: 'local', method: 'local', role: 'admin', requestId: id });
  const failures = new FailureCounter(access.clock);
  const known = access.tokens.map((one) => ({ ...one, digest: digest(one.token.reveal()) }));
  return (request) => {
    const address = request.socket.remoteAddress ?? '';
    const wait = failures.secondsLeft(address);
    if (wait > 0) throw adminErrors.OPERATOR_LOCKED_OUT({ retryAfterSeconds: wait });
    const text = tokenShape.exec(request.headers.authorization ?? '')?.[1];
    const given = digest(text ?? '');
    // Every token is compared, in constant time, whether or not one has matched.
    const [match] = known.filter((one) => timingSafeEqual(one.digest, given));
    if (text === undefined || match === undefined) {
      if (request.headers.authorization !== undefined) failures.note(address);
      throw adminErrors.OPERATOR_UNAUTHENTICATED();
    }
    return { name: match.name, method: 'token', role: match.role, address, requestId: request.id };
  };
}

export function demandRole(operator: Operator, role: OperatorRole): void {
  if (role === 'admin' && operator.role !== 'admin') throw adminErrors.OPERATOR_NOT_PERMITTED();
}
