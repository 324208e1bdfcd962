import { connect } from '../client/connect.ts';
import { exitCodes } from '../frame/exit-codes.ts';
import type { Verb } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';

interface ReportJson {
  readonly ok: boolean;
  readonly entries: number;
  readonly checkpointsHeld: number;
  readonly head: { readonly sequence: number; readonly hash: string };
  readonly notes: readonly string[];
  readonly firstBad?: { readonly sequence: number; readonly fault: string; readonly detail: string };
}

export const audit: Verb = {
  configure: (command, frame) => {
    command
      .command('verify')
      .description('walk the audit chain and compare it with its signed checkpoints')
      .addHelpText(
        'after',
        '\nExit code 1: an entry was changed, removed, added or moved; the first bad one is named.',
      )
      .action(
        frame.action(async (context) => {
          const { out, style } = context;
          const report = await connect(context).get<ReportJson>('/audit/verification');
          if (out.isStructured) out.document(report);
          else if (report.firstBad === undefined)
            out.line(
              `${style.ok} ${report.entries} entries, ${report.checkpointsHeld} checkpoints held, head ${report.head.sequence} ${report.head.hash.slice(0, 16)}`,
            );
          else
            out.line(
              `${style.bad} entry ${report.firstBad.sequence}: ${report.firstBad.fault}, ${printable(report.firstBad.detail)}`,
            );
          for (const note of report.notes) out.note(printable(note));
          return report.ok ? undefined : exitCodes.no;
        }),
      );
  },
};
