import { readFile } from 'node:fs/promises';
import { connect } from '../client/connect.ts';
import type { ExplanationJson } from '../client/types.ts';
import { exitCodes } from '../frame/exit-codes.ts';
import { formatInstant, formatRelative } from '../frame/times.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';
import { collect } from '../policy/open.ts';
import { declareRequestFlags } from '../policy/request-flags.ts';
import { describeDecision, findDecision } from './explain-decision.ts';
import { explainFinding } from './explain-finding.ts';
import { type ExplainRequestOptions, explainRequest } from './explain-request.ts';

function describe({ io, style }: VerbContext, found: ExplanationJson): string {
  const { refusal } = found;
  const mark = found.outcome === 'refused' ? style.bad : style.ok;
  const lines = [`${mark} ${found.outcome.toUpperCase()}   request ${found.requestId}`];
  if (refusal !== undefined) {
    lines.push(`  when   ${formatRelative(Date.parse(refusal.at), io.now())}`);
    lines.push(`  told   ${refusal.code}`);
    lines.push(`  why    ${printable(refusal.detail)}`);
    for (const [name, value] of Object.entries(refusal.evidence))
      lines.push(`  shown  ${printable(name)}: ${printable(textOf(value))}`);
  }
  for (const entry of found.audit) {
    lines.push(
      `  did    ${entry.action} ${printable(entry.object)} (${entry.result}, audit ${entry.sequence})`,
    );
    lines.push(`         by ${printable(entry.actor)}, authenticated by ${entry.actorMethod}`);
    for (const [name, value] of Object.entries(entry.detail))
      lines.push(`         ${printable(name)}: ${printable(detailText(name, value))}`);
  }
  return lines.join('\n');
}

/** The audit log keeps instants as numbers; people get dates. */
function detailText(name: string, value: unknown): string {
  const isInstant = /^not(Before|After)$|At$/.test(name) && typeof value === 'number';
  return isInstant ? formatInstant(value) : textOf(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const requestExample = 'castellan explain -f policies/ --from shop/web --to cart:8080 GET /items';
const help = `\nExample: ${requestExample}\n-o wide shows every policy, rule and clause.\nExit code 1: the request is denied or was refused, or nothing is known about it.`;

/** An error code of ours: what it means, from the catalogue, without a server. */
async function explainCode(context: VerbContext, code: string): Promise<boolean> {
  const rows = await readErrorReference();
  const row = rows.find((one) => one.code === code);
  if (row === undefined) return false;
  context.out.item(
    { kind: 'ErrorCode', columns: [], name: () => code, toJson: () => row },
    row,
    `${row.code}   ${row.kind}\n  what   ${row.message}\n  next   ${row.next}`,
  );
  return true;
}

interface ErrorRow {
  readonly code: string;
  readonly kind: string;
  readonly message: string;
  readonly next: string;
}

/** The generated reference, which is part of the package. */
async function readErrorReference(): Promise<readonly ErrorRow[]> {
  const text = await readFile(new URL('../../../docs/reference/errors.json', import.meta.url), 'utf8');
  return JSON.parse(text) as ErrorRow[];
}

export const explain: Verb = {
  configure: (command, frame) => {
    command
      .argument(
        '[words...]',
        'a decision id, a request id, a finding such as CAS0104, an error code such as SERVER_UNREACHABLE; or, with -f, METHOD and PATH of a request',
      )
      .usage('ID | -f FILE... --from ID|none --to WORKLOAD[:PORT] [METHOD PATH]')
      .option(
        '-f, --filename <file>',
        'policies in files decide, without a server; may be repeated',
        collect,
        [],
      );
    declareRequestFlags(command);
    command.addHelpText('after', help).action(
      frame.action<ExplainRequestOptions>(async (context, words, options) => {
        if (options.filename.length > 0) return explainRequest(context, words, options);
        const [id = '', ...more] = words;
        if (id === '' || more.length > 0)
          throw usageError('what to explain is an id or a code; a request needs policies', requestExample);
        if (/^CAS[0-9]{4}$/.test(id)) return explainFinding(context, id);
        if (/^[A-Z][A-Z0-9_]*$/.test(id) && (await explainCode(context, id))) return undefined;
        if (/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(id))
          throw usageError(`there is no error code \`${id}\``, 'see docs/reference/errors.md');
        if (!/^[0-9A-Za-z_-]{4,64}$/.test(id)) throw usageError(`\`${id}\` is neither an id nor a code`);
        const client = connect(context);
        const decision = /^[0-9A-Z]{26}$/.test(id) ? await findDecision(client, id) : undefined;
        if (decision !== undefined) {
          if (context.out.isStructured) context.out.document(decision);
          else context.out.line(describeDecision(context, decision));
          return decision.record.decision === 'deny' ? exitCodes.no : undefined;
        }
        const found = await client.get<ExplanationJson>(`/requests/${id}`);
        if (context.out.isStructured) context.out.document(found);
        else context.out.line(describe(context, found));
        return found.outcome === 'refused' ? exitCodes.no : undefined;
      }),
    );
  },
};
