import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeaderValue } from '../../policy/index.ts';
import { CheckResponseSchema } from '../../wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import { type CheckReply, encodeReply, lastResort } from './reply.ts';

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 300 }));
const header = fc.record({ name: text, value: text });
const otherName = text.filter((name) => name !== 'decision_id');
const metadata = fc.dictionary(
  otherName,
  fc.oneof(text, fc.dictionary(text, text, { noNullPrototype: true })),
  {
    noNullPrototype: true,
  },
);
const http = {
  setHeaders: fc.array(header, { maxLength: 5 }),
  removeHeaders: fc.array(text, { maxLength: 5 }),
  responseHeaders: fc.array(header, { maxLength: 5 }),
  removeParams: fc.array(text, { maxLength: 3 }),
};
const allow = fc.record(
  { kind: fc.constant('allow' as const), decisionId: text, metadata, http: fc.record(http) },
  { requiredKeys: ['kind', 'decisionId', 'metadata'] },
);
const deny = fc.record(
  {
    kind: fc.constant('deny' as const),
    code: fc.constantFrom(7 as const, 16 as const),
    message: text,
    decisionId: text,
    metadata,
    http: fc.record({
      status: fc.constantFrom(400, 401, 403, 429, 503),
      headers: fc.array(header, { maxLength: 5 }),
      body: text,
    }),
  },
  { requiredKeys: ['kind', 'code', 'message', 'decisionId', 'metadata'] },
);

const option = ({ name, value }: HeaderValue) => ({
  header: { key: name, value },
  append: false,
  appendAction: 2,
  keepEmptyValue: true,
});

/** The same by the generated code. */
function oracle(reply: CheckReply): MessageInitShape<typeof CheckResponseSchema> {
  const dynamicMetadata = { ...reply.metadata, decision_id: reply.decisionId } as never;
  if (reply.kind === 'deny') {
    const { code, message } = reply;
    const denied = reply.http && {
      status: { code: reply.http.status },
      headers: reply.http.headers.map(option),
      body: reply.http.body,
    };
    return {
      status: { code, message },
      dynamicMetadata,
      ...(denied === undefined ? {} : { httpResponse: { case: 'deniedResponse', value: denied } }),
    };
  }
  const ok = reply.http && {
    headers: reply.http.setHeaders.map(option),
    headersToRemove: reply.http.removeHeaders.filter(
      (name) =>
        name !== 'host' && !name.startsWith(':') && !reply.http?.setHeaders.some((one) => one.name === name),
    ),
    responseHeadersToAdd: reply.http.responseHeaders.map(option),
    queryParametersToRemove: [...reply.http.removeParams],
  };
  return {
    status: { code: 0 },
    dynamicMetadata,
    ...(ok === undefined ? {} : { httpResponse: { case: 'okResponse', value: ok } }),
  };
}

describe('a reply to a check', () => {
  it('reads as the same message that the generated code writes', () => {
    fc.assert(
      fc.property(fc.oneof(allow, deny) as fc.Arbitrary<CheckReply>, (reply) => {
        const expected = create(CheckResponseSchema, oracle(reply));
        const wanted = fromBinary(CheckResponseSchema, toBinary(CheckResponseSchema, expected));
        expect(fromBinary(CheckResponseSchema, encodeReply(reply))).toEqual(wanted);
      }),
      { numRuns: 500 },
    );
  });

  it('is never empty, whatever it says', () => {
    expect(encodeReply({ kind: 'allow', decisionId: '', metadata: {} }).length).toBeGreaterThan(0);
    expect(fromBinary(CheckResponseSchema, lastResort)).toMatchObject({ status: { code: 7 } });
  });
});
