import { systemEnvironment } from '../../app/environment.ts';
import { startServer } from '../../app/server.ts';
import { declareSettings, readSettings } from '../frame/settings-flags.ts';
import { openLogger, starting, stopped } from '../frame/start.ts';
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
        frame.action<Record<string, unknown>>(async (context, _args, options) => {
          const loaded = readSettings(context.io, options);
          const logger = openLogger(context, loaded);
          try {
            await using running = await starting(() =>
              startServer({ loaded, environment: systemEnvironment(logger) }),
            );
            for (const notice of running.notices) logger.warn(notice);
            logger.info('ready', { ...running.endpoints });
            await stopped(context.signal);
            logger.info('stopping');
            await running.close();
          } finally {
            logger.close();
          }
          return undefined;
        }),
      );
  },
};
