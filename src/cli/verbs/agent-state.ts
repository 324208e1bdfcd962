import type { Command } from 'commander';
import { connect } from '../client/connect.ts';
import type { AgentStateJson } from '../client/types.ts';
import { exitCodes } from '../frame/exit-codes.ts';
import { formatRelative } from '../frame/times.ts';
import type { Frame, VerbContext } from '../frame/verb.ts';

interface Options {
  readonly yes?: boolean;
  readonly reason?: string;
  readonly workloads?: boolean;
}

type To = 'evicted' | 'banned' | 'unbanned';

const verbs: readonly { readonly name: string; readonly to: To; readonly summary: string }[] = [
  { name: 'evict', to: 'evicted', summary: 'refuse its node SVIDs at once; it must attest again' },
  { name: 'ban', to: 'banned', summary: 'refuse its node SVIDs at once, and let it attest no more' },
  { name: 'unban', to: 'unbanned', summary: 'let a banned agent attest again' },
];

/** `castellan agent evict|ban|unban`: what an operator does about agents. */
export function declareAgentState(command: Command, frame: Frame): void {
  for (const { name, to, summary } of verbs) {
    const sub = command
      .command(name)
      .description(summary)
      .argument('<id>', 'its SPIFFE ID, or what follows /castellan/agent/ in it')
      .option('--yes', 'do it; without, only say what would happen')
      .option('--reason <text>', 'why: kept in the audit log');
    if (to !== 'unbanned')
      sub.option('--workloads', 'deny the certificates that its workloads got through it, too');
    sub.addHelpText('after', '\nExit code 1: a dry run was shown and nothing was changed.').action(
      frame.action<Options>(async (context, [id = ''], options) => {
        const dryRun = options.yes !== true;
        const result = await connect(context).post<AgentStateJson>('/agents/state', {
          id,
          to,
          ...(options.reason === undefined ? {} : { reason: options.reason }),
          workloads: options.workloads === true,
          dryRun,
        });
        if (context.out.isStructured) context.out.document(result);
        else context.out.line(describe(context, result, { to, workloads: options.workloads === true }));
        if (dryRun) context.out.note('this was a dry run: add --yes to do it');
        return dryRun ? exitCodes.no : undefined;
      }),
    );
  }
}

const words: Readonly<Record<To, string>> = {
  evicted: 'evicted',
  banned: 'banned',
  unbanned: 'free to attest again',
};

function describe(
  { io, style }: VerbContext,
  result: AgentStateJson,
  asked: { readonly to: To; readonly workloads: boolean },
): string {
  const { applied, nodeSvids, workloadSvids, onlyHere } = result;
  const lines = [
    `${applied ? style.ok : style.warning} ${result.id} ${applied ? 'is' : 'would be'} ${words[asked.to]} (it was ${result.before})`,
  ];
  if (asked.to === 'unbanned') return lines.join('\n');
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
  const until = workloadSvids.map(({ notAfter }) => Date.parse(notAfter)).sort((a, b) => b - a)[0];
  const fate = asked.workloads
    ? `${applied ? 'stopped' : 'would stop'} counting`
    : 'stay valid until they end (--workloads denies them)';
  lines.push(
    `  ${count(nodeSvids.length, 'node SVID')} ${applied ? 'stopped' : 'would stop'} counting${result.connected ? ', and its stream ends' : ''}`,
    `  ${count(workloadSvids.length, 'certificate')} of its workloads ${fate}${until === undefined ? '' : `, the last ${formatRelative(until, io.now())}`}`,
  );
  if (onlyHere.length > 0)
    lines.push(
      `  ${onlyHere.length === 1 ? '1 identity is' : `${onlyHere.length} identities are`} registered under no other attested agent:`,
      ...onlyHere.slice(0, 20).map((uri) => `    ${uri}`),
    );
  if (onlyHere.length > 20) lines.push(`    and ${onlyHere.length - 20} more`);
  return lines.join('\n');
}
