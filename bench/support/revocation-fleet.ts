/** Agents in a process of their own: each with its stream over TLS, each saying what it holds, as real ones do. */
import type { SyncResponse } from '../../src/wire/gen/castellan/agent/v1/agent_pb.js';
import type { FleetMember } from '../../test/support/agent-fleet.ts';
import { LightAgent } from '../../test/support/light-agent.ts';
import { clockMs } from './clock-ms.ts';

export interface FleetStart {
  readonly port: number;
  readonly rootsPem: string;
  readonly members: readonly FleetMember[];
}

export type FleetOrder =
  | { readonly start: FleetStart }
  /** Say when each agent has heard that this identity is denied. */
  | { readonly watch: string };

export type FleetAnswer =
  | { readonly up: number }
  | { readonly watching: string }
  | { readonly heardAt: readonly number[] };

const openingAtOnce = 16;
const heardOf = new Map<LightAgent, number>();
const said = new Set<LightAgent>();
const agents: LightAgent[] = [];
let watched: string | undefined;
let onFirst: (agent: LightAgent) => void = () => undefined;

const tell = (answer: FleetAnswer) => void process.send?.(answer);

function hear(answer: SyncResponse, agent: LightAgent): void {
  if (!said.has(agent)) {
    said.add(agent);
    onFirst(agent);
  }
  if (watched !== undefined && answer.revocations?.deniedSpiffeIds.includes(watched) === true) {
    if (!heardOf.has(agent)) heardOf.set(agent, clockMs());
    if (heardOf.size === agents.length) {
      tell({ heardAt: [...heardOf.values()] });
      watched = undefined;
    }
  }
  agent.send({
    message: {
      case: 'report',
      value: { revision: answer.revision, bundleSequences: { 'cluster.local': 1n } },
    },
  });
}

async function start({ port, rootsPem, members }: FleetStart): Promise<void> {
  const left = [...members];
  const open = async () => {
    for (let member = left.shift(); member !== undefined; member = left.shift()) {
      const agent = new LightAgent({ port, rootsPem, ...member, onAnswer: hear, onEnd: gone });
      agents.push(agent);
      const isUp = new Promise<void>((resolve) => waiting.set(agent, resolve));
      agent.open();
      await isUp;
    }
  };
  const waiting = new Map<LightAgent, () => void>();
  onFirst = (agent) => waiting.get(agent)?.();
  await Promise.all(Array.from({ length: openingAtOnce }, open));
  tell({ up: agents.length });
}

function gone(status: number | undefined): void {
  console.error(`the stream of an agent ended (${status ?? 'connection lost'})`);
  process.exit(1);
}

process.on('message', (order: FleetOrder) => {
  if ('start' in order) void start(order.start);
  else {
    heardOf.clear();
    watched = order.watch;
    tell({ watching: order.watch });
  }
});
process.on('disconnect', () => process.exit(0));
