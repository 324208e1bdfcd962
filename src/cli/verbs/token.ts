import { connect } from '../client/connect.ts';
import type { NewTokenJson } from '../client/types.ts';
import { secondsOf, spiffeIdOf } from '../frame/arguments.ts';
import { formatRelative } from '../frame/times.ts';
import type { Verb } from '../frame/verb.ts';

interface Options {
  readonly for: string;
  readonly ttl?: string;
}

export const token: Verb = {
  configure: (command, frame) => {
    command
      .command('create')
      .description('make a single-use join token; it is shown once and never again')
      .requiredOption('--for <spiffe-id>', 'the identity it is good for')
      .option('--ttl <duration>', 'how long it lives (default 10m, at most 24h)')
      .action(
        frame.action<Options>(async (context, _args, options) => {
          const { out, io } = context;
          const made = await connect(context).post<NewTokenJson>('/tokens', {
            spiffeId: spiffeIdOf(options.for).uri,
            ttlSeconds: options.ttl === undefined ? undefined : secondsOf('--ttl', options.ttl),
          });
          if (out.isStructured) out.document(made);
          else out.line(made.token);
          const ends = formatRelative(Date.parse(made.expiresAt), io.now());
          out.note(`good once, for ${made.spiffeId}, ends ${ends}`);
          return undefined;
        }),
      );
  },
};
