import { fromBinary } from '@bufbuild/protobuf';
import { readCheckMessage } from '../../src/endpoints/ext-authz/check-message.ts';
import { readCheck } from '../../src/endpoints/ext-authz/read-check.ts';
import { CheckRequestSchema } from '../../src/wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import { against, cpuPerCall, type Figure } from '../support/bench.ts';
import { checkBody } from '../support/check/plan.ts';

const calls = 50_000;
/** Bytes before a message in a gRPC frame. */
const frameHead = 5;

/** Reading the message of a check with twenty headers, in process, beside the generated code. */
export async function bench(): Promise<readonly Figure[]> {
  const bytes = checkBody(false).subarray(frameHead);
  const asker = { listener: 'bench', kind: 'plaintext', address: '', isLoopback: true } as const;
  const context = { asker, deadlineAt: undefined, signal: undefined };
  const floor = await cpuPerCall(calls, () => fromBinary(CheckRequestSchema, bytes), 3);
  const message = await cpuPerCall(calls, () => readCheckMessage(bytes), 3);
  const whole = await cpuPerCall(calls, () => readCheck(bytes, context), 3);
  return [
    against(floor, { name: 'the fields of a check', value: message, unit: 'µs CPU' }),
    against(floor, { name: 'the question: headers and addresses checked', value: whole, unit: 'µs CPU' }),
  ];
}
