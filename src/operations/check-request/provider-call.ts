import type { CustomResult } from '../../policy/index.ts';
import type { ExtensionProvider } from '../../resources/index.ts';
import type { CheckQuestion, SentBody } from './question.ts';

/** What goes to a provider beside the request itself. */
export interface ProviderCall {
  readonly signal: AbortSignal;
  /** Only for a provider that wants bodies, about a request that has one. */
  readonly body?: ProviderBody | undefined;
  /** PEM, percent-encoded: of a client that has proven to hold it. */
  readonly certificate?: string | undefined;
}

export interface ProviderBody {
  readonly bytes: Uint8Array;
  /** There was more. */
  readonly isPartial: boolean;
  /** As bytes, else as text (Istio's `packAsBytes`). */
  readonly isPacked: boolean;
}

type Prepared =
  | { readonly body: ProviderBody | undefined; readonly result?: undefined }
  /** The provider need not be asked. */
  | { readonly result: CustomResult };

/**
 * `includeRequestBodyInCheck` as Istio's proxies follow it: cut at `maxRequestBytes` where a part will do, else 413
 * whatever `failOpen` says. A body that the proxy kept to itself cannot be judged: that is no answer.
 */
export function prepareBody(
  { includeRequestBody: wanted }: ExtensionProvider,
  { http, body }: CheckQuestion,
): Prepared {
  if (wanted === undefined || http === undefined) return { body: undefined };
  const sent: SentBody = body?.() ?? { kind: 'withheld' };
  if (sent.kind === 'none') return { body: undefined };
  if (sent.kind === 'withheld')
    return { result: { outcome: 'unavailable', detail: 'wants request bodies, and the proxy sent none' } };
  const { maxRequestBytes, allowPartialMessage, packAsBytes } = wanted;
  const isPartial = sent.isPartial || sent.bytes.length > maxRequestBytes;
  if (isPartial && !allowPartialMessage)
    return { result: { outcome: 'deny', status: 413, detail: 'takes no request body of this size' } };
  return { body: { bytes: sent.bytes.subarray(0, maxRequestBytes), isPartial, isPacked: packAsBytes } };
}

/** Only Envoy asking over gRPC can change the parameters of a request; of what others cannot do there is no half. */
export function withinReach(result: CustomResult, { dialect }: CheckQuestion): CustomResult {
  const { setParams = [], removeParams = [] } = result;
  if (dialect === 'ext-authz' || setParams.length + removeParams.length === 0) return result;
  return { outcome: 'unavailable', detail: 'changes query parameters, which this proxy cannot' };
}

/** The certificate as proxies send it; one that came unencoded is encoded. */
export function provenCertificate(
  { source: { certificate = '' } }: CheckQuestion,
  isProven: boolean,
): string | undefined {
  if (!isProven || certificate === '') return undefined;
  return certificate.includes('%') ? certificate : encodeURIComponent(certificate);
}
