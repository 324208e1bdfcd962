import type { Command } from 'commander';
import { connect } from '../client/connect.ts';
import type { RotationJson } from '../client/types.ts';
import { usageError } from '../frame/usage.ts';
import type { Frame, Verb, VerbContext } from '../frame/verb.ts';
import { acknowledgeText, rotationText, verdictsText } from './rotation-text.ts';
import { addStageRoots } from './stage-roots.ts';

interface Options {
  readonly leaveBehind?: readonly string[];
  readonly reason?: string;
  readonly force?: string;
}

const roles = ['root', 'intermediate', 'jwt'];

function roleOf(text: string | undefined): string {
  if (text !== undefined && roles.includes(text)) return text;
  throw usageError(
    `\`${text ?? ''}\` is not a kind of key: root, intermediate or jwt`,
    'castellan rotate status',
  );
}

function print(
  context: VerbContext,
  status: RotationJson,
  role: string | undefined,
  withPlan: boolean,
): void {
  const { out } = context;
  const items = status.items.filter((line) => role === undefined || line.role === role);
  if (out.isStructured) {
    out.document({ ...status, items });
    return;
  }
  out.line(`trust bundle ${status.bundleSequence}`);
  for (const line of items) {
    out.line(rotationText(context, line));
    if (withPlan) out.line(acknowledgeText(line));
  }
  if (status.verdicts.length > 0) out.line(verdictsText(status));
}

/** A verb that asks the server for one step and shows what came of it. */
function step(frame: Frame, command: Command, verb: string): Command {
  return command
    .argument('<kind>', 'root, intermediate or jwt')
    .option('--reason <text>', 'why: kept in the audit log')
    .action(
      frame.action<Options>(async (context, [kind], { reason, leaveBehind }) => {
        const role = roleOf(kind);
        const status = await connect(context).post<RotationJson>('/rotation', {
          role,
          verb,
          reason: reason ?? 'not given',
          ...(leaveBehind === undefined ? {} : { leaveBehind }),
        });
        print(context, status, role, false);
        return undefined;
      }),
    );
}

const collect = (value: string, before: readonly string[] = []) => [...before, value];

export const rotate: Verb = {
  configure: (command, frame) => {
    const show = (name: string, about: string, withPlan: boolean) =>
      command
        .command(name)
        .description(about)
        .argument('[kind]', 'root, intermediate or jwt; all when absent')
        .action(
          frame.action<Options>(async (context, [kind]) => {
            const role = kind === undefined ? undefined : roleOf(kind);
            print(context, await connect(context).get<RotationJson>('/rotation'), role, withPlan);
            return undefined;
          }),
        );
    show('status', 'where the rotation of each key is, and who it waits for', false);
    show('plan', 'the phases with their dates and gates, and who must acknowledge', true);
    const leaveBehind = [
      '--leave-behind <name>',
      'go on without this agent, reader or identity; repeatable',
    ] as const;
    step(frame, command.command('next').description('one phase on, if its gate is open'), 'next').option(
      ...leaveBehind,
      collect,
    );
    step(
      frame,
      command.command('start').description('all phases from here, each as soon as its gate is open'),
      'start',
    ).option(...leaveBehind, collect);
    step(frame, command.command('pause').description('nothing happens by itself any more'), 'pause');
    step(frame, command.command('resume').description('goes on after a pause'), 'resume');
    step(
      frame,
      command
        .command('rollback')
        .description('takes the last phase back; possible until the old key is retired'),
      'rollback',
    );
    addStageRoots(command, frame);
    command
      .command('now')
      .description(
        'prepares, publishes and activates at once: whoever does not hold the new key yet is cut off',
      )
      .argument('<kind>', 'root, intermediate or jwt')
      .requiredOption('--force <reason>', 'that this is wanted, and why: kept in the audit log')
      .action(
        frame.action<Options>(async (context, [kind], { force }) => {
          const role = roleOf(kind);
          const body = { role, verb: 'force', reason: force };
          print(context, await connect(context).post<RotationJson>('/rotation', body), role, false);
          return undefined;
        }),
      );
  },
};
