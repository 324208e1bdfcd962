import { Argument } from 'commander';
import { completionScripts, type Shell, shells } from '../frame/completion.ts';
import type { Verb } from '../frame/verb.ts';

export const completion: Verb = {
  configure: (command, frame) => {
    command
      .addArgument(new Argument('<shell>', 'the shell to complete for').choices(shells))
      .addHelpText('after', '\nExample:\n  source <(castellan completion bash)')
      .action(
        frame.action(({ io }, [shell]) => {
          io.stdout(completionScripts[shell as Shell]);
          return undefined;
        }),
      );
    frame.complete(command, async () => shells);
  },
};
