import { create, type JsonObject, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { HeaderValue } from '../../policy/index.ts';
import {
  HeaderValueOption_HeaderAppendAction as AppendAction,
  type HeaderValueOptionSchema,
} from '../../wire/gen/envoy/config/core/v3/base_pb.js';
import { CheckResponseSchema } from '../../wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import { StatusCode } from '../../wire/gen/envoy/type/v3/http_status_pb.js';

/**
 * An answer to a Check. Envoy reads a missing status as *allow*, so there is no way to make one without: both kinds
 * carry theirs, and only these two functions know the wire (proxies.md §1.5).
 */
export type CheckReply = AllowReply | DenyReply;

export interface AllowReply {
  readonly kind: 'allow';
  /** Absent for a plain connection, which has no headers. */
  readonly http?: {
    readonly setHeaders: readonly HeaderValue[];
    readonly removeHeaders: readonly string[];
    readonly responseHeaders: readonly HeaderValue[];
    readonly removeParams: readonly string[];
  };
  readonly metadata: JsonObject;
}

export interface DenyReply {
  readonly kind: 'deny';
  /** 7 denied, 16 unauthenticated: no other code is read as a denial by every version of Envoy. */
  readonly code: 7 | 16;
  /** A word of the closed list; never text of ours or the client's. */
  readonly message: string;
  readonly http?: {
    readonly status: number;
    readonly headers: readonly HeaderValue[];
    readonly body: string;
  };
  readonly metadata: JsonObject;
}

export function encodeReply(reply: CheckReply): Uint8Array {
  const bytes = toBinary(
    CheckResponseSchema,
    create(CheckResponseSchema, {
      status: reply.kind === 'allow' ? { code: 0 } : { code: reply.code, message: reply.message },
      httpResponse: reply.kind === 'allow' ? okResponse(reply) : deniedResponse(reply),
      dynamicMetadata: reply.metadata,
    }),
  );
  if (bytes.length === 0) throw new TypeError('an empty CheckResponse would allow');
  return bytes;
}

type HttpResponse = NonNullable<MessageInitShape<typeof CheckResponseSchema>['httpResponse']>;

function okResponse({ http }: AllowReply): HttpResponse {
  if (http === undefined) return { case: undefined };
  const { setHeaders, removeHeaders, responseHeaders, removeParams } = http;
  const isSet = new Set(setHeaders.map(({ name }) => name));
  return {
    case: 'okResponse',
    value: {
      headers: setHeaders.map(overwriting),
      // Envoy removes after it sets: what is set must not be listed, and pseudo headers and Host cannot be.
      headersToRemove: removeHeaders.filter(
        (name) => !isSet.has(name) && name !== 'host' && !name.startsWith(':'),
      ),
      responseHeadersToAdd: responseHeaders.map(overwriting),
      queryParametersToRemove: [...removeParams],
    },
  };
}

function deniedResponse({ http }: DenyReply): HttpResponse {
  if (http === undefined) return { case: undefined };
  return {
    case: 'deniedResponse',
    value: {
      status: { code: statusCode(http.status) },
      headers: http.headers.map(overwriting),
      body: http.body,
    },
  };
}

/** Envoy knows a closed list, and refuses an answer with any other number. */
function statusCode(status: number): StatusCode {
  const name = StatusCode[status] as keyof typeof StatusCode | undefined;
  return name === undefined ? StatusCode.Forbidden : StatusCode[name];
}

/** proxies.md §1.6: both fields, so that every version of Envoy replaces what the client sent. */
function overwriting({ name, value }: HeaderValue): MessageInitShape<typeof HeaderValueOptionSchema> {
  return {
    header: { key: name, value },
    append: false,
    appendAction: AppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    keepEmptyValue: true,
  };
}

/** What goes out when even the reply to a fault cannot be made. */
export const lastResort: Uint8Array = encodeReply({
  kind: 'deny',
  code: 7,
  message: 'internal_error',
  http: { status: 503, headers: [{ name: 'retry-after', value: '1' }], body: '' },
  metadata: { decision_reason: 'internal_error' },
});
