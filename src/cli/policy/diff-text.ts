import type { AuthzRequest, Decision, DiffEntry, SnapshotDiff, WorkloadFacts } from '../../policy/index.ts';
import type { VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';
import { hang, padTo, plural } from '../frame/wrap.ts';
import type { ResourceChange } from './changes.ts';

export interface ReadDiff {
  readonly changes: readonly ResourceChange[];
  readonly diff: SnapshotDiff;
}

/** What was edited, then by workload who gains and who loses, each with an example; the verdict comes last. */
export function printDiff(context: VerbContext, { changes, diff }: ReadDiff): void {
  const { out, style, io } = context;
  const signs = { added: style.green('+'), removed: style.red('-'), changed: style.yellow('~') };
  for (const { change, resource } of changes) out.line(`${signs[change]} ${printable(resource)}`);
  const byWorkload = Map.groupBy(diff.entries, ({ workload }) => workload);
  for (const [workload, entries] of byWorkload) {
    out.line('');
    out.line(style.bold(printable(describeWorkload(workload))));
    const shown = out.format === 'wide' ? entries : entries.filter((entry) => !isUnusual(entry));
    for (const entry of shown) printEntry(context, entry);
    const hidden = entries.length - shown.length;
    if (hidden > 0)
      out.line(
        `  ${hidden === 1 ? 'one more group is' : `${hidden} more groups are`} of TLS that is not the mesh's: -o wide`,
      );
  }
  if (changes.length > 0 || diff.entries.length > 0) out.line('');
  for (const gap of diff.gaps) out.line(hang(io, `${style.warning} not compared: `, printable(gap)));
  out.line(verdict(context, diff));
}

function verdict({ style }: VerbContext, { entries, isComplete }: SnapshotDiff): string {
  if (entries.length === 0)
    return isComplete
      ? `${style.ok} every request is decided as before`
      : `${style.warning} no difference was found, but not everything could be compared`;
  const gained = entries.filter(({ change }) => change === 'gained').length;
  const lost = entries.length - gained;
  const parts = [
    ...(gained > 0 ? [`${plural(gained, 'group')} of requests let in`] : []),
    ...(lost > 0 ? [`${plural(lost, 'group')} of requests shut out`] : []),
  ];
  return `${style.warning} ${parts.join(', ')}${isComplete ? '; all others are decided as before' : ''}`;
}

/** Clients whose TLS no proxy of the mesh speaks: there are groups of them wherever identities count. */
function isUnusual({ who }: DiffEntry): boolean {
  const { alpn, peer } = who;
  const usual = ['unknown', 'istio', 'istio-h2'];
  if (alpn !== undefined) return !alpn.some((name) => usual.includes(name));
  return peer !== undefined && peer.every((label) => /TLS|certificate/.test(label));
}

function printEntry(context: VerbContext, entry: DiffEntry): void {
  const { out, style, io } = context;
  const { change, who, example, before, after } = entry;
  const isWide = out.format === 'wide';
  const sign = change === 'gained' ? style.green('+ gains') : style.red('- loses');
  const parts = isWide
    ? Object.entries(who).map(([name, values]) => [name, values.join(', ')] as const)
    : Object.entries(who)
        .filter(([name]) => name !== 'alpn' && (name !== 'layer' || who.method === undefined))
        .map(([name, values]) => wordsOf(name, values));
  if (parts.length === 0) parts.push(['others', 'everything else that is decided otherwise']);
  const asExample = describeRequest(example, isWide ? undefined : who);
  const told = `${describeDecision(before)} ${style.arrow} ${describeDecision(after)}`;
  const rows = [...parts, ['e.g.', asExample] as const, ['', told] as const];
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  for (const [i, [name, text]] of rows.entries())
    out.line(
      hang(io, `  ${i === 0 ? sign : ' '.repeat(7)}  ${padTo(printable(name), width)}`, printable(text)),
    );
}

const names: Readonly<Record<string, string>> = {
  sourceIp: 'address',
  remoteIp: 'client address',
  destinationIp: 'destination',
  authority: 'host',
};

/** A part of a request and its examples, for people: what stands for a whole range is told as such. */
function wordsOf(part: string, values: readonly string[]): readonly [string, string] {
  const header = /^request\.headers\[(.*)\]$/.exec(part)?.[1];
  if (header !== undefined) return [`header ${header}`, fewOf(headerValues(header, values))];
  if (part === 'peer') return [part, fewOf(peersOf(values))];
  const like = part.endsWith('Ip') ? 'like ' : '';
  return [names[part] ?? part, `${like}${fewOf(withoutCovered(values))}`];
}

/** What one line says; combinations of lines only where there is nothing else. */
function headerValues(header: string, values: readonly string[]): readonly string[] {
  const texts = values.map((value) => headerValue(header, value));
  const single = texts.filter((text) => !text.includes(','));
  return single.length > 0 ? single : texts;
}

function headerValue(header: string, value: string): string {
  if (value === `no ${header}`) return 'none';
  const text = value.slice(header.length + 2);
  return text === '' ? '(empty)' : text;
}

/** `td/…` and `td/ns/…/sa/…` stand for every identity that no rule names. */
function peersOf(values: readonly string[]): readonly string[] {
  const others = values.flatMap((value) => /^([^/…]+)\/ns\/…\/sa\/…$/.exec(value)?.[1] ?? []);
  const rest = values.filter(
    (value) => !others.some((domain) => value === `${domain}/…` || value === `${domain}/ns/…/sa/…`),
  );
  return [...rest, ...others.map((domain) => `anybody else of ${domain}`)];
}

/** `/books/…` stands for what no rule names more exactly: then `/books/x` need not be said beside it. */
function withoutCovered(values: readonly string[]): readonly string[] {
  const wide = values.flatMap((value) => {
    const parts = value.split('…');
    return parts.length === 2 ? [{ value, before: parts[0] ?? '', after: parts[1] ?? '' }] : [];
  });
  return values.filter((value) =>
    wide.every(
      (one) =>
        one.value === value ||
        value.length <= one.before.length + one.after.length ||
        !value.startsWith(one.before) ||
        !value.endsWith(one.after) ||
        // Of two that cover each other the shorter stays.
        one.value.length > value.length,
    ),
  );
}

/** The plain ones first, and no more than can be taken in. */
function fewOf(values: readonly string[]): string {
  const sorted = [...values].sort((a, b) => a.length - b.length);
  const shown = sorted.slice(0, Math.max(1, Math.min(4, Math.floor(160 / (sorted[0]?.length ?? 1)))));
  const more = values.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

function describeDecision({ outcome, reason, policyId }: Decision): string {
  return `${outcome} (${policyId ?? reason})`;
}

function describeWorkload({ namespace, labels, name, proxy, services, gatewayName }: WorkloadFacts): string {
  const said = [...labels].map(([key, value]) => `${key}=${value}`).join(',');
  const where = isStandIn(namespace) ? 'any other namespace' : namespace;
  if (gatewayName !== undefined) return `gateway ${where}/${gatewayName}`;
  const [service] = services ?? [];
  if (proxy === 'waypoint' && service !== undefined) return `waypoint of ${where}/${service.name}`;
  return `workloads of ${where}${name === undefined ? '' : `/${name}`}${said === '' ? '' : ` with ${said}`}`;
}

/** Names that stand for `any other` in examples. */
function isStandIn(text: string): boolean {
  return text === 'zq-namespace';
}

/** One line as a person would tell it; with `who`, only the parts that matter there. */
export function describeRequest(request: AuthzRequest, who?: DiffEntry['who']): string {
  const { connection, http, tokens = [] } = request;
  const { peer, tls, sourceIp, remoteIp, destinationIp, destinationPort, sni } = connection;
  const matters = (name: string) => who === undefined || Object.hasOwn(who, name);
  const parts = [
    `${callOf(http, matters)} from ${peer?.uri ?? (tls === 'none' ? 'plaintext' : 'a client without identity')}`,
  ];
  if (matters('port')) parts.push(`to port ${destinationPort}`);
  if (http?.authority !== undefined && matters('authority')) parts.push(`host ${http.authority}`);
  if (sourceIp !== undefined && matters('sourceIp')) parts.push(`address ${sourceIp.text}`);
  if (remoteIp !== undefined && matters('remoteIp')) parts.push(`client ${remoteIp.text}`);
  if (destinationIp !== undefined && matters('destinationIp')) parts.push(`to ${destinationIp.text}`);
  if (sni !== undefined && sni !== '' && matters('sni')) parts.push(`SNI ${sni}`);
  for (const [name, lines] of http?.headers ?? []) parts.push(`${name}: ${lines.join(', ')}`);
  for (const token of tokens)
    parts.push(token.ok ? `token ${JSON.stringify(token.claims)}` : `bad token (${token.fault})`);
  return parts.join(', ');
}

function callOf(http: AuthzRequest['http'], matters: (name: string) => boolean): string {
  if (http === undefined) return 'a plain connection';
  if (!matters('method') && !matters('path')) return 'any request';
  return `${matters('method') ? http.method : 'any'} ${matters('path') ? http.path : 'request'}`;
}
