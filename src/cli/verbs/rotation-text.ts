import type { RotationJson, RotationLineJson, RotationPhaseJson } from '../client/types.ts';
import { formatInstant, formatRelative } from '../frame/times.ts';
import type { VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';

const mostNamed = 20;

/** One kind of key as a person reads it: where it is, the whole way with its dates, who is waited for. */
export function rotationText(context: VerbContext, line: RotationLineJson): string {
  const { style, io } = context;
  const now = io.now();
  const order = line.isPaused ? ', paused' : line.mode === 'scheduled' ? '' : `, ${line.mode}`;
  const lines = [`${style.bold(line.role)}: ${line.phase}${order}`];
  if (line.active !== undefined)
    lines.push(
      `  signs  ${line.active.authorityId.slice(0, 16)}  ends ${formatRelative(Date.parse(line.active.notAfter), now)}${line.active.tainted === undefined ? '' : `  tainted: ${printable(line.active.tainted)}`}`,
    );
  if (line.next !== undefined) lines.push(`  next   ${line.next.authorityId.slice(0, 16)}`);
  for (const old of line.old)
    lines.push(`  old    ${old.authorityId.slice(0, 16)}  what it signed may still live`);
  for (const phase of line.phases) lines.push(...phaseText(context, phase));
  if (line.leftBehind.length > 0) lines.push(`  left behind: ${line.leftBehind.map(printable).join(', ')}`);
  return lines.join('\n');
}

function phaseText({ style, io }: VerbContext, phase: RotationPhaseJson): readonly string[] {
  const now = io.now();
  const mark = { done: style.ok, next: style.bold('next'), later: '' }[phase.state];
  const at =
    phase.at === undefined
      ? phase.earliestAt === undefined
        ? 'when its gate opens'
        : `when asked, ${formatInstant(Date.parse(phase.earliestAt))} at the earliest`
      : `${formatInstant(Date.parse(phase.at))} (${formatRelative(Date.parse(phase.at), now)})`;
  const lines = [`  ${phase.phase.padEnd(9)} ${at}  ${mark}`.trimEnd(), `      ${style.dim(phase.what)}`];
  for (const { name, why, since, until } of phase.blockers.slice(0, mostNamed)) {
    const ends = until === undefined ? '' : `, until ${formatRelative(Date.parse(until), now)}`;
    lines.push(`      ${style.warning} ${printable(name)} ${printable(why)}, for ${age(since, now)}${ends}`);
  }
  const more = phase.blockers.length - mostNamed;
  if (more > 0) lines.push(`      and ${more} more: -o json names them all`);
  for (const name of phase.silent.slice(0, mostNamed))
    lines.push(`      ${printable(name)} was silent for a lifetime and does not count`);
  return lines;
}

function age(since: string, now: number): string {
  return formatRelative(Date.parse(since), now).replace(/ ago$/, '').replace(/^now$/, '0s');
}

/** What a plan adds: who has to acknowledge. */
export function acknowledgeText(line: RotationLineJson): string {
  if (line.role === 'intermediate')
    return '  nobody has to acknowledge: an intermediate travels with each certificate';
  if (line.mustAcknowledge.length === 0)
    return '  nobody reports yet: those who do not are given time before the new one signs';
  const names = line.mustAcknowledge
    .slice(0, mostNamed)
    .map(({ name, sequence }) => `    ${printable(name)}  holds bundle ${sequence}`);
  const more = line.mustAcknowledge.length - mostNamed;
  return [
    '  must acknowledge before the new one signs:',
    ...names,
    ...(more > 0 ? [`    and ${more} more`] : []),
  ].join('\n');
}

export function verdictsText(status: RotationJson): string {
  return status.verdicts
    .map(({ role, authorityId, tainted, revoked }) => {
      const verdict = revoked === undefined ? `tainted: ${tainted ?? ''}` : `revoked: ${revoked}`;
      return `${role} ${authorityId}  ${printable(verdict)}`;
    })
    .join('\n');
}
