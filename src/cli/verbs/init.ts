import { systemEnvironment } from '../../app/environment.ts';
import { initialise } from '../../app/initialise.ts';
import { isCastellanError } from '../../base/errors.ts';
import { exitCodes, overrideExitCode } from '../frame/exit-codes.ts';
import { apiVersion } from '../frame/output.ts';
import { declareSettings, readSettings } from '../frame/settings-flags.ts';
import { openLogger, starting } from '../frame/start.ts';
import type { Verb } from '../frame/verb.ts';

export const init: Verb = {
  configure: (command, frame) => {
    declareSettings(command);
    command.addHelpText('after', '\nExit code 1: there is something in the state directory already.').action(
      frame.action<Record<string, unknown>>(async (context, _args, options) => {
        const loaded = readSettings(context.io, options);
        const logger = openLogger(context, loaded);
        const { settings } = loaded;
        try {
          await starting(() => initialise(settings, systemEnvironment(logger)));
        } catch (error) {
          if (isCastellanError(error, 'STATE_NOT_EMPTY')) overrideExitCode(error, exitCodes.no);
          throw error;
        } finally {
          logger.close();
        }
        const { out, style } = context;
        const { stateDir, trustDomain } = settings;
        if (out.isStructured) out.document({ apiVersion, kind: 'Initialisation', stateDir, trustDomain });
        else out.line(`${style.ok} authority for ${trustDomain} made in ${stateDir}`);
        out.note('start it: castellan server');
        return undefined;
      }),
    );
  },
};
