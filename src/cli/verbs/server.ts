import { startServer } from '../../app/server.ts';
import { declareSettings, readSettings } from '../frame/settings-flags.ts';
import { serve } from '../frame/start.ts';
import type { Verb } from '../frame/verb.ts';

export const server: Verb = {
  configure: (command, frame) => {
    declareSettings(command);
    command
      .addHelpText(
        'after',
        '\nStarts what `castellan init` made, and never makes an authority by itself.\nExit code 78: settings or state directory are wrong; 75: try again.',
      )
      .action(
        frame.action<Record<string, unknown>>((context, _args, options) => {
          const loaded = readSettings(context.io, options);
          return serve(context, loaded, {
            start: (environment) => startServer({ loaded, environment }),
          });
        }),
      );
  },
};
