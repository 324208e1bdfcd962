import { create } from '@bufbuild/protobuf';
import {
  AgentService,
  ShipDecisionsRequestSchema,
  ShipDecisionsResponseSchema,
} from '../../wire/gen/castellan/agent/v1/agent_pb.js';
import type { ServerChannel, UnaryMethod } from './channel.ts';

const shipDecisions: UnaryMethod<typeof ShipDecisionsRequestSchema, typeof ShipDecisionsResponseSchema> = {
  path: `/${AgentService.typeName}/ShipDecisions`,
  input: ShipDecisionsRequestSchema,
  output: ShipDecisionsResponseSchema,
};

/** Hands decision records, and counts of traffic, to the server; rejects when it has not taken them. */
export type DecisionShipper = (
  records: readonly Uint8Array[],
  dropped: number,
  traffic?: readonly Uint8Array[],
) => Promise<void>;

export function decisionShipper(channel: ServerChannel): DecisionShipper {
  return async (records, dropped, traffic = []) => {
    const request = create(ShipDecisionsRequestSchema, {
      recordsJson: [...records],
      dropped: BigInt(dropped),
      trafficJson: [...traffic],
    });
    await channel.call(shipDecisions, request, new AbortController().signal);
  };
}
