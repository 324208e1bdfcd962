import type { AppliedPolicy, EffectivePeerAuthentication, WorkloadFacts } from '../../policy/index.ts';
import { formatTable } from '../frame/table.ts';
import type { VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';
import { hang } from '../frame/wrap.ts';

export interface DescribedWorkload {
  readonly facts: WorkloadFacts;
  readonly origin: string;
  readonly mtls: readonly EffectivePeerAuthentication[];
  readonly policies: readonly DescribedPolicy[];
}

export interface DescribedPolicy extends AppliedPolicy {
  /** One line a rule, where the policies are at hand. */
  readonly says?: readonly string[];
}

export function describeWorkload(context: VerbContext, described: DescribedWorkload): string {
  const { facts, origin } = described;
  const { style } = context;
  const lines = [style.bold(printable(`workload ${facts.namespace}/${facts.name ?? ''}`))];
  lines.push(`  from      ${printable(origin)}`);
  if (facts.labels.size > 0)
    lines.push(
      hang(
        context.io,
        '  labels    ',
        printable([...facts.labels].map(([key, value]) => `${key}=${value}`).join(', ')),
      ),
    );
  if (facts.serviceAccount !== undefined) lines.push(`  account   ${printable(facts.serviceAccount)}`);
  if (facts.proxy !== undefined) lines.push(`  proxy     ${facts.proxy}`);
  return [...lines, '', ...mtlsLines(context, described), '', ...policyLines(context, described)].join('\n');
}

const levels: Readonly<Record<EffectivePeerAuthentication['level'], string>> = {
  default: 'built-in default',
  mesh: 'the mesh',
  namespace: 'the namespace',
  workload: 'the workload',
  port: 'this port',
  hbone: 'always so for HBONE',
  none: 'a gateway: its own TLS settings decide',
};

/** The last entry is for every port that is not listed. */
function mtlsLines(context: VerbContext, { facts, mtls }: DescribedWorkload): string[] {
  const { style, io } = context;
  const rows = mtls.map(({ port, mode, setBy, level }) => ({
    port: port === undefined ? (mtls.length === 1 ? 'every port' : 'other ports') : String(port),
    protocol: port === undefined ? '' : (facts.ports?.get(port) ?? 'auto'),
    mode,
    by:
      setBy === undefined
        ? levels[level]
        : `PeerAuthentication ${setBy.namespace}/${setBy.name} (${levels[level]})`,
  }));
  const table = formatTable(
    [
      { header: 'port', cell: (row) => row.port },
      { header: 'protocol', cell: (row) => row.protocol, drop: 1 },
      { header: 'mutual tls', cell: (row) => row.mode },
      { header: 'set by', cell: (row) => row.by, shrink: true },
    ],
    rows,
    { columns: Math.max(60, io.columns - 2), headers: true, wide: false },
  );
  const lines = table
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`);
  const overruled = new Map(
    mtls.flatMap((one) =>
      one.overruled.map(({ policy, why }) => [`${policy.namespace}/${policy.name}`, why]),
    ),
  );
  for (const [name, why] of overruled)
    lines.push(hang(io, `  ${style.skipped} `, printable(`${name} has no say: ${why}`)));
  return lines;
}

function policyLines({ io, style, out }: VerbContext, { policies }: DescribedWorkload): string[] {
  const asked = policies.filter(({ stage }) => stage !== 'peer_authentication');
  if (asked.length === 0) return [`  ${style.warning} no other policy selects it: every request passes`];
  const lines = ['  Policies, in the order of evaluation'];
  for (const [i, { policy, action, dryRun, provider, rules, says }] of asked.entries()) {
    const kind = action ?? 'RequestAuthentication';
    const extra = [
      provider === undefined ? '' : `asks ${provider}`,
      dryRun ? 'dry run: only watched' : '',
      rules === 0 ? 'no rules: matches nothing' : '',
    ].filter((text) => text !== '');
    const note = extra.length === 0 ? '' : `   (${extra.join(', ')})`;
    lines.push(
      `  ${String(i + 1).padStart(2)}  ${kind} ${printable(`${policy.namespace}/${policy.name}`)}${printable(note)}`,
    );
    const shown = out.format === 'wide' ? says : says?.slice(0, 5);
    for (const sentence of shown ?? []) lines.push(hang(io, '        ', printable(sentence)));
    const more = (says?.length ?? 0) - (shown?.length ?? 0);
    if (more > 0) lines.push(`        and ${more} more rules: -o wide`);
  }
  const isOpen = !asked.some(({ action, dryRun }) => action === 'ALLOW' && !dryRun);
  if (isOpen) lines.push(`  ${style.warning} no ALLOW policy selects it: what nothing denies passes`);
  return lines;
}
