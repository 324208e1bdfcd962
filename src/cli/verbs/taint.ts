import { usageError } from '../frame/usage.ts';
import type { Verb } from '../frame/verb.ts';
import { type CondemnOptions, condemn } from './condemn.ts';

export const taint: Verb = {
  configure: (command, frame) => {
    command
      .argument('<authority>', 'the authority id of a root, an intermediate or a JWT key')
      .option('--yes', 'do it; without, only say what would happen')
      .option('--reason <text>', 'why: kept in the audit log')
      .addHelpText('after', '\nExit code 1: a dry run was shown and nothing was changed.')
      .action(
        frame.action<CondemnOptions>((context, [id = ''], options) => {
          if (!/^[0-9a-f]{8,128}$/.test(id))
            throw usageError(`\`${id}\` is not the id of an authority`, 'castellan rotate status -o json');
          return condemn(context, { authorityId: id, verdict: 'taint' }, options);
        }),
      );
  },
};
