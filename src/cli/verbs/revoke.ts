import { connect } from '../client/connect.ts';
import type { RevocationResultJson, RotationJson } from '../client/types.ts';
import { exitCodes } from '../frame/exit-codes.ts';
import { formatRelative } from '../frame/times.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { condemn } from './condemn.ts';

interface Options {
  readonly yes?: boolean;
  readonly lift?: boolean;
  readonly reason?: string;
}

/** Ids of authorities are hexadecimal as serials are: the server knows its own. */
async function isAuthority(context: VerbContext, what: string): Promise<boolean> {
  if (!/^[0-9a-f]{40}$/.test(what)) return false;
  const { items, verdicts } = await connect(context).get<RotationJson>('/rotation');
  const keys = items.flatMap(({ active, next, old }) => [active, next, ...old, ...verdicts]);
  return keys.some((key) => key?.authorityId === what);
}

function targetOf(text: string): { serial: string } | { spiffeId: string } {
  if (text.startsWith('spiffe://')) return { spiffeId: text };
  if (/^[0-9a-fA-F:]{2,60}$/.test(text)) return { serial: text.replaceAll(':', '').toLowerCase() };
  throw usageError(`\`${text}\` is neither a serial nor a SPIFFE ID`, 'castellan get identities');
}

function describe({ io, style }: VerbContext, what: string, result: RevocationResultJson): string {
  const count = result.affected.length;
  const lines = [
    `${result.applied ? style.ok : style.warning} ${what} ${result.applied ? 'is' : 'would be put'} on the deny list${result.alreadyRevoked ? ' (it was before)' : ''}`,
    `  ${count === 0 ? 'no valid certificate on record stops counting' : `${count} valid certificate${count === 1 ? '' : 's'} ${result.applied ? 'stopped' : 'would stop'} counting:`}`,
    ...result.affected
      .slice(0, 20)
      .map(({ serial, spiffeId, notAfter }) =>
        `    ${serial}  ${spiffeId}  ended ${formatRelative(Date.parse(notAfter), io.now())}`.replace(
          'ended in',
          'ends in',
        ),
      ),
  ];
  if (count > 20) lines.push(`    and ${count - 20} more`);
  return lines.join('\n');
}

async function lift(context: VerbContext, target: object, what: string): Promise<void> {
  const answer = await connect(context).post('/revocations/lift', target);
  if (context.out.isStructured) context.out.document(answer);
  else context.out.line(`${context.style.ok} ${what} is off the deny list`);
}

export const revoke: Verb = {
  configure: (command, frame) => {
    command
      .argument(
        '<what>',
        'a serial number, a SPIFFE ID for all of its certificates, or the id of an authority',
      )
      .option('--yes', 'do it; without, only say what would happen')
      .option('--reason <text>', 'why: kept in the audit log')
      .option('--lift', 'take it off the deny list again')
      .addHelpText('after', '\nExit code 1: a dry run was shown and nothing was changed.')
      .action(
        frame.action<Options>(async (context, [what = ''], options) => {
          if (options.lift !== true && (await isAuthority(context, what)))
            return condemn(context, { authorityId: what, verdict: 'revoke' }, options);
          const target = targetOf(what);
          if (options.lift === true) {
            if (options.yes !== true) throw usageError('--lift needs --yes');
            await lift(context, target, what);
            return undefined;
          }
          const dryRun = options.yes !== true;
          const result = await connect(context).post<RevocationResultJson>('/revocations', {
            ...target,
            ...(options.reason === undefined ? {} : { reason: options.reason }),
            dryRun,
          });
          if (context.out.isStructured) context.out.document(result);
          else context.out.line(describe(context, what, result));
          if (dryRun) context.out.note('this was a dry run: add --yes to do it');
          return dryRun ? exitCodes.no : undefined;
        }),
      );
  },
};
