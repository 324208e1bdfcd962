import type { HeaderValue } from '../../policy/index.ts';
import { HeaderValueOption_HeaderAppendAction as AppendAction } from '../../wire/gen/envoy/config/core/v3/base_pb.js';
import { StatusCode } from '../../wire/gen/envoy/type/v3/http_status_pb.js';
import {
  type MessageText,
  messageBytes,
  messageField,
  numberField,
  textField,
} from '../../wire/message-text.ts';

/** Dynamic metadata: text, or more of the same. */
export interface ReplyMetadata {
  readonly [name: string]: string | ReplyMetadata;
}

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
  readonly decisionId: string;
  /** Beside the id; one object for all answers that say the same is written once. */
  readonly metadata: ReplyMetadata;
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
  readonly decisionId: string;
  readonly metadata: ReplyMetadata;
}

/** Numbers of the fields as in proto/envoy: CheckResponse, OkHttpResponse, DeniedHttpResponse and what they hold. */
export function encodeReply(reply: CheckReply): Uint8Array {
  const code = reply.kind === 'allow' ? '' : numberField(1, reply.code) + textField(2, reply.message);
  const http = reply.kind === 'allow' ? okResponse(reply) : deniedResponse(reply);
  const metadata = structField('decision_id', textField(3, reply.decisionId)) + writtenOnce(reply.metadata);
  const bytes = messageBytes(messageField(1, code) + http + messageField(4, metadata));
  if (bytes.length === 0) throw new TypeError('an empty CheckResponse would allow');
  return bytes;
}

function okResponse({ http }: AllowReply): MessageText {
  if (http === undefined) return '';
  const { setHeaders, removeHeaders, responseHeaders, removeParams } = http;
  let body = '';
  for (const header of setHeaders) body += overwriting(2, header);
  for (const name of removeHeaders) if (mayRemove(name, setHeaders)) body += textField(5, name);
  for (const header of responseHeaders) body += overwriting(6, header);
  for (const name of removeParams) body += textField(8, name);
  return messageField(3, body);
}

/** Envoy removes after it sets: what is set must not be listed, and pseudo headers and Host cannot be. */
function mayRemove(name: string, set: readonly HeaderValue[]): boolean {
  return name !== 'host' && !name.startsWith(':') && !set.some((header) => header.name === name);
}

function deniedResponse({ http }: DenyReply): MessageText {
  if (http === undefined) return '';
  let body = messageField(1, numberField(1, statusCode(http.status)));
  for (const header of http.headers) body += overwriting(2, header);
  return messageField(2, body + textField(3, http.body));
}

/** Envoy knows a closed list, and refuses an answer with any other number. */
function statusCode(status: number): StatusCode {
  const name = StatusCode[status] as keyof typeof StatusCode | undefined;
  return name === undefined ? StatusCode.Forbidden : StatusCode[name];
}

/** proxies.md §1.6: `append: false` and the action that replaces, so that every version of Envoy replaces; empty values are kept. */
const replaces: MessageText =
  messageField(2, '') + numberField(3, AppendAction.OVERWRITE_IF_EXISTS_OR_ADD) + numberField(4, 1);

function overwriting(field: number, { name, value }: HeaderValue): MessageText {
  return messageField(field, messageField(1, textField(1, name) + textField(2, value)) + replaces);
}

const written = new WeakMap<ReplyMetadata, MessageText>();

function writtenOnce(fields: ReplyMetadata): MessageText {
  let text = written.get(fields);
  if (text === undefined) {
    text = struct(fields);
    written.set(fields, text);
  }
  return text;
}

function struct(fields: ReplyMetadata): MessageText {
  let text = '';
  for (const [name, value] of Object.entries(fields))
    text += structField(
      name,
      typeof value === 'string' ? textField(3, value) : messageField(5, struct(value)),
    );
  return text;
}

function structField(name: string, value: MessageText): MessageText {
  return messageField(1, textField(1, name) + messageField(2, value));
}

/** What goes out when even the reply to a fault cannot be made. */
export const lastResort: Uint8Array = encodeReply({
  kind: 'deny',
  code: 7,
  message: 'internal_error',
  http: { status: 503, headers: [{ name: 'retry-after', value: '1' }], body: '' },
  decisionId: '',
  metadata: { decision_reason: 'internal_error' },
});
