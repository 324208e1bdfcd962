import { startAgentProcess } from '../../app/agent-process.ts';
import { declareSettings, readSettings } from '../frame/settings-flags.ts';
import { serve } from '../frame/start.ts';
import type { Verb } from '../frame/verb.ts';
import { declareAgentState } from './agent-state.ts';

interface Options {
  readonly files?: string;
  readonly exec?: string;
}

/** The short names of settings that belong to this verb alone. */
function withShortNames({
  files,
  exec,
  ...rest
}: Options & Record<string, unknown>): Record<string, unknown> {
  return {
    ...rest,
    ...(files === undefined ? {} : { agentFilesDir: files }),
    ...(exec === undefined ? {} : { agentFilesCommand: exec }),
  };
}

export const agent: Verb = {
  configure: (command, frame) => {
    declareAgentState(command, frame);
    declareSettings(command);
    command
      .option('--files <dir>', 'write key, chain and bundle of the agent’s own identity here, as a set')
      .option('--exec <command>', 'a command for /bin/sh after each change of these files')
      .addHelpText(
        'after',
        `
The first start needs the server (--agent-server), a way to believe it (--agent-bundle-file or
--agent-root-fingerprint) and something to prove this node with, such as --agent-join-token-file.
Later starts need none of these: what the agent is lies in its state directory.

Example:
  castellan agent --agent-server ca.internal:15012 --agent-root-fingerprint 5b:0c:… --agent-join-token-file token
Exit code 78: settings or state directory are wrong; 69 and 75: try again.`,
      )
      .action(
        frame.action<Options & Record<string, unknown>>((context, _args, options) => {
          const loaded = readSettings(context.io, withShortNames(options));
          return serve(context, loaded, {
            start: (environment) => startAgentProcess({ loaded, environment }),
          });
        }),
      );
  },
};
