import type { Issuance } from '../../authority/index.ts';
import { asCastellanError } from '../../base/errors.ts';
import type { SpiffeId } from '../../spiffe/index.ts';
import type { Span, TraceContext } from '../tracing/index.ts';

interface Signing {
  readonly spiffeId: SpiffeId;
  readonly caller: { readonly method: string };
  readonly requestId: string;
  readonly trace?: (() => TraceContext | undefined) | undefined;
}

/** One signature, or why there is none. */
export function signSpan(order: Signing, outcome: Issuance | { readonly error: unknown }) {
  const failure = 'error' in outcome ? asCastellanError(outcome.error) : undefined;
  return {
    name: 'castellan.ca.sign',
    kind: 'internal',
    parent: order.trace?.(),
    isFault: failure?.kind === 'internal',
    attributes: () => ({
      'castellan.spiffe_id': order.spiffeId.uri,
      'castellan.request_id': order.requestId,
      'castellan.caller_method': order.caller.method,
      ...('error' in outcome
        ? { 'castellan.error': failure?.code ?? '' }
        : {
            'castellan.serial': outcome.serial,
            'castellan.issuer_key_id': outcome.issuerKeyId,
            'castellan.shortened': outcome.shortenedToIssuer,
          }),
    }),
  } satisfies Omit<Span, 'startAt' | 'durationMs'>;
}
