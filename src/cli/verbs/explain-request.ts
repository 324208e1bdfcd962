import { recordRequest } from '../../operations/decisions/index.ts';
import {
  type Explanation,
  explain,
  type JsonData,
  type PolicySnapshot,
  providersNeeded,
} from '../../policy/index.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { apiVersion } from '../frame/output.ts';
import type { VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';
import { hang } from '../frame/wrap.ts';
import { describeStages } from '../policy/explanation-text.ts';
import { openPolicies } from '../policy/open.ts';
import { type AskedRequest, type RequestOptions, readAskedRequest } from '../policy/request-flags.ts';

export interface ExplainRequestOptions extends RequestOptions {
  readonly filename: readonly string[];
}

/** Why policies in files decide a request as they do, without a server. */
export async function explainRequest(
  context: VerbContext,
  call: readonly string[],
  options: ExplainRequestOptions,
): Promise<ExitCode | undefined> {
  const files = await openPolicies(context, options.filename, options);
  const asked = readAskedRequest(context.io, files, call, options);
  const explanation = explain(files.snapshot, asked.request);
  const notes = [
    ...asked.destination.notes,
    ...assumptions(explanation, options),
    ...silentProviders(files.snapshot, asked),
  ];
  if (context.out.isStructured) {
    const masked: string[] = [];
    const request = recordRequest(asked.request, masked);
    const { workload, origin } = asked.destination;
    context.out.document({
      apiVersion,
      kind: 'Explanation',
      request: { ...request, destination: { ...request.destination, namespace: workload.namespace, origin } },
      notes,
      ...explanation,
    });
  } else if (context.out.format === 'name') {
    context.out.line(explanation.decision.outcome);
  } else {
    context.out.line(describe(context, asked, explanation).join('\n'));
    for (const note of notes) context.out.note(`  ${context.style.warning} ${printable(note)}`);
  }
  return explanation.decision.outcome === 'deny' ? exitCodes.no : undefined;
}

/** D17: what a provider says is not known from files. */
function silentProviders(snapshot: PolicySnapshot, { request }: AskedRequest): readonly string[] {
  return providersNeeded(snapshot, request)
    .filter((name) => request.custom?.has(name) !== true)
    .map((name) => `the provider ${name} decides with: say its answer with --custom ${name}=allow`);
}

function describe(context: VerbContext, asked: AskedRequest, explanation: Explanation): string[] {
  const { io, style } = context;
  const { decision } = explanation;
  const mark = decision.outcome === 'deny' ? style.bad : style.ok;
  const paint = decision.outcome === 'deny' ? style.red : style.green;
  const lines = [
    `${mark} ${style.bold(paint(decision.outcome.toUpperCase()))}   ${decision.reason}`,
    hang(io, '  why     ', printable(explanation.sentence)),
    hang(io, '  who     ', printable(who(asked))),
    hang(io, '  what    ', printable(what(asked, explanation))),
  ];
  const { response } = decision.effects;
  if (response !== undefined) lines.push(hang(io, '  answer  ', printable(answer(response))));
  const effects = effectWords(explanation);
  if (effects !== '') lines.push(hang(io, '  effect  ', printable(effects)));
  if (decision.wouldHave !== undefined && decision.wouldHave.outcome !== decision.outcome)
    lines.push(
      hang(
        io,
        '  dry run ',
        `would ${decision.wouldHave.outcome} it: ${decision.wouldHave.policyId ?? decision.wouldHave.reason}`,
      ),
    );
  return [...lines, '', ...describeStages(context, explanation)];
}

function who({ request: { connection, tokens = [] } }: AskedRequest): string {
  const from = connection.sourceIp === undefined ? '' : ` from ${connection.sourceIp.text}`;
  const peer =
    connection.peer === undefined
      ? `nobody: the connection is plaintext${from}`
      : `${connection.peer.uri}, proven by mutual TLS${from}`;
  const [token] = tokens;
  if (token === undefined) return peer;
  if (!token.ok) return `${peer}; with a token that is bad (${token.fault})`;
  const { iss, sub } = token.claims;
  return `${peer}; with a token of ${claimText(iss)} for ${claimText(sub)}`;
}

function claimText(value: JsonData): string {
  return typeof value === 'string' ? value : value === undefined ? 'nobody' : JSON.stringify(value);
}

function what({ request, destination }: AskedRequest, { decision }: Explanation): string {
  const { namespace, name = '' } = destination.workload;
  const to = `${name}.${namespace}:${destination.port}`;
  if (request.http === undefined) return `a plain connection to ${to}`;
  const { method, path, authority = '' } = request.http;
  const isPlain = decision.layer === 'tcp' && decision.stage !== 'peer_authentication';
  const seen = isPlain ? ', which is a TCP port: only the connection is seen' : '';
  return `${method} ${path} on ${to}, host ${authority}${seen}`;
}

function answer({
  status,
  body,
  detail,
}: NonNullable<Explanation['decision']['effects']['response']>): string {
  return status === 0 ? `the connection is closed (${detail})` : `${status} ${body} (${detail})`;
}

function effectWords({ decision: { effects } }: Explanation): string {
  const parts = [
    ...effects.setHeaders.map(({ name, value }) => `sets ${name}: ${value}`),
    ...effects.removeHeaders
      .filter((name) => !effects.setHeaders.some((header) => header.name === name))
      .map((name) => `removes ${name}`),
    ...effects.removeParams.map((name) => `removes ?${name}`),
    ...(effects.path === undefined ? [] : [`forwards ${effects.path}`]),
  ];
  return parts.join(', ');
}

const assumed: readonly (readonly [RegExp, keyof RequestOptions, string])[] = [
  [
    /(source\.(not)?[iI]pBlocks|when\[source\.ip\])/,
    'ip',
    'a policy reads the source address: none was given (--ip)',
  ],
  [
    /(source\.(not)?[rR]emoteIpBlocks|when\[remote\.ip\])/,
    'remoteIp',
    'a policy reads the client address: none was given (--remote-ip)',
  ],
  [/operation\.(not)?[hH]osts/, 'host', 'a policy reads the host: it was assumed (--host)'],
  [/when\[connection\.sni\]/, 'sni', 'a policy reads the SNI: none was given (--sni)'],
];

/** What the policies of this workload look at and nobody said. */
function assumptions({ stages }: Explanation, options: RequestOptions): readonly string[] {
  const fields = new Set(
    stages.flatMap(({ policies }) =>
      policies.flatMap(({ rules }) =>
        rules.flatMap(({ from, to, when }) =>
          [...from, ...to]
            .flatMap(({ clauses }) => clauses)
            .concat(when)
            .map(({ field }) => field),
        ),
      ),
    ),
  );
  const notes = assumed
    .filter(
      ([shape, option]) => options[option] === undefined && [...fields].some((field) => shape.test(field)),
    )
    .map(([, , text]) => text);
  const carriesToken = options.header.some((line) => /^authorization\s*:/i.test(line));
  if (carriesToken && options.jwtClaims === undefined)
    notes.push('the token in --header is not verified here: say what it claims with --jwt-claims');
  return notes;
}
