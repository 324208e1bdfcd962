import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../client/connect.ts';
import type { DecisionJson } from '../client/types.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';
import { callText, fetchDecisions, workloadText } from './decisions.ts';

interface Options {
  readonly denied?: boolean;
  readonly from?: string;
  readonly to?: string;
}

const everyMs = 500;

function lineOf({ style }: VerbContext, record: DecisionJson): string {
  const mark = record.decision === 'deny' ? style.bad : style.ok;
  const from = record.request?.peer ?? record.request?.sourceIp ?? 'unknown';
  const policy = record.policyId === undefined ? '' : `   ${record.policyId}`;
  const text = `${record.id}   ${from} → ${workloadText(record)}   ${callText(record)}   ${record.reason}${policy}`;
  return `${record.at.slice(11, 19)} ${mark} ${printable(text)}`;
}

/** Follows the ring of records until it is interrupted. */
async function follow(context: VerbContext, options: Options): Promise<void> {
  const client = connect(context);
  const filter = {
    outcome: options.denied === true ? 'deny' : undefined,
    source: options.from,
    destination: options.to,
  };
  let [newest] = await fetchDecisions(client, { limit: '1' });
  while (!context.signal.aborted) {
    const after = newest?.id ?? '0';
    for (const record of await fetchDecisions(client, { ...filter, after, limit: '1000' })) {
      newest = record;
      if (context.out.isStructured) context.io.stdout(`${JSON.stringify(record)}\n`);
      else context.out.line(lineOf(context, record));
    }
    // Not the clock of the server: its timers keep no process alive, and here nothing else does.
    await sleep(everyMs, undefined, { signal: context.signal }).catch(() => undefined);
  }
}

export const tail: Verb = {
  configure: (command, frame) => {
    command
      .option('--denied', 'only denials')
      .option('--from <spiffe-id>', 'only requests of this identity')
      .option('--to <workload>', 'only requests to this workload, namespace/name')
      .addHelpText(
        'after',
        '\nDenials are all there; of allowed requests a sample is (decisions.sampleAllows).',
      )
      .action(
        frame.action<Options>(async (context, _args, options) => {
          await follow(context, options);
          return undefined;
        }),
      );
  },
};
