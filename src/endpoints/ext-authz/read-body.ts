import { fromBinary } from '@bufbuild/protobuf';
import type { SentBody } from '../../operations/check-request/index.ts';
import type { AttributeContext_HttpRequest } from '../../wire/gen/envoy/service/auth/v3/attribute_context_pb.js';
import { CheckRequestSchema } from '../../wire/gen/envoy/service/auth/v3/external_auth_pb.js';

/** Requests with these methods have no body, where nothing says that they have one. */
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);

/**
 * The body that came with a check, read a second time for it: few providers want bodies, and no other check is to pay
 * for them. Envoy sends an empty field both for a request without a body and when it was not told to send bodies, so
 * a request that may have one counts as having one.
 */
export function readBody(message: Uint8Array): SentBody {
  const http = fromBinary(CheckRequestSchema, message).attributes?.request?.http;
  if (http === undefined) return { kind: 'none' };
  const bytes = http.rawBody.length > 0 ? http.rawBody : new TextEncoder().encode(http.body);
  if (bytes.length > 0)
    return { kind: 'sent', bytes, isPartial: headerOf(http, 'x-envoy-auth-partial-body') === 'true' };
  return { kind: isWithoutBody(http) ? 'none' : 'withheld' };
}

function isWithoutBody(http: AttributeContext_HttpRequest): boolean {
  if (headerOf(http, 'transfer-encoding') !== undefined) return false;
  const length = headerOf(http, 'content-length');
  if (length !== undefined) return /^0+$/.test(length);
  // Without either there is none in HTTP/1; later versions need neither to have one.
  return http.protocol.startsWith('HTTP/1') || bodiless.has(http.method);
}

function headerOf({ headers, headerMap }: AttributeContext_HttpRequest, name: string): string | undefined {
  const found = headerMap?.headers.find(({ key }) => key.toLowerCase() === name);
  if (found === undefined) return headers[name];
  return found.rawValue.length > 0 ? Buffer.from(found.rawValue).toString('latin1') : found.value;
}
