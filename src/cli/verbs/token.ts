import { connect } from '../client/connect.ts';
import type { NewTokenJson } from '../client/types.ts';
import { secondsOf, spiffeIdOf } from '../frame/arguments.ts';
import { formatRelative } from '../frame/times.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb } from '../frame/verb.ts';

interface Options {
  readonly for?: string;
  readonly agent?: string | true;
  readonly ttl?: string;
}

function targetOf({ for: spiffeId, agent }: Options): object {
  if ((spiffeId === undefined) === (agent === undefined))
    throw usageError('give either --for SPIFFE_ID or --agent [NAME]');
  if (spiffeId !== undefined) return { spiffeId: spiffeIdOf(spiffeId).uri };
  return { agent: agent === true ? '' : agent };
}

export const token: Verb = {
  configure: (command, frame) => {
    command
      .command('create')
      .description('make a single-use join token; it is shown once and never again')
      .option('--for <spiffe-id>', 'the workload identity it is good for')
      .option('--agent [name]', 'make it for an agent to join with; without a name, one is chosen')
      .option('--ttl <duration>', 'how long it lives (default 10m, at most 24h)')
      .action(
        frame.action<Options>(async (context, _args, options) => {
          const { out, io } = context;
          const wanted = {
            ...targetOf(options),
            ttlSeconds: options.ttl === undefined ? undefined : secondsOf('--ttl', options.ttl),
          };
          const made = await connect(context).post<NewTokenJson>('/tokens', wanted);
          if (out.isStructured) out.document(made);
          else out.line(made.token);
          const ends = formatRelative(Date.parse(made.expiresAt), io.now());
          out.note(`good once, for ${made.spiffeId}, ends ${ends}`);
          return undefined;
        }),
      );
  },
};
