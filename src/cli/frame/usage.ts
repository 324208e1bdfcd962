import type { CommanderError } from 'commander';
import { CastellanError } from '../../base/errors.ts';
import { cliErrors } from './errors.ts';

/** A usage error whose last line is a command that helps. */
export function usageError(message: string, next = 'castellan help'): CastellanError {
  return new CastellanError('USAGE', { kind: 'invalid', message, next });
}

/** The argument parser's complaint in our words; its "did you mean" becomes the next step. */
export function fromCommander(error: CommanderError, verb: string | undefined): CastellanError {
  const help = verb === undefined ? 'castellan help' : `castellan help ${verb}`;
  const [first = '', second = ''] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(second)?.[1];
  const what = first
    .replace(/unknown option/, 'unknown flag')
    .replace(/^unknown command/, 'unknown verb')
    .replace(/'([^']*)'/g, '`$1`')
    .replace(/\.$/, '');
  return usageError(what, suggestion === undefined ? help : `did you mean ${suggestion}? See: ${help}`);
}

const secretFlag =
  /^--(?:[a-z-]*-)?(?:token|password|passphrase|secret|bearer|credential|private-key)(?:=|$)/;
const secretText = /castellan_join_|-----BEGIN [A-Z ]*PRIVATE KEY|^--[a-z-]+=?[a-z]+:\/\/[^/@]*:[^/@]*@/;

/** O16: other processes can read the argument list, so a secret in it is refused before anything else happens. */
export function refuseSecrets(argv: readonly string[]): void {
  for (const word of argv) {
    const flag = secretFlag.exec(word)?.[0].replace('=', '');
    if (flag !== undefined)
      throw new CastellanError('SECRET_ON_COMMAND_LINE', {
        ...cliErrors.$catalogue.SECRET_ON_COMMAND_LINE,
        message: `\`${flag}\` would put a secret where every process can read it`,
        next: `put it in a file that only you can read and pass ${flag}-file FILE`,
      });
    if (secretText.test(word)) throw cliErrors.SECRET_ON_COMMAND_LINE();
  }
}
