import { connect } from '../client/connect.ts';
import type { AuthorityVerdictJson } from '../client/types.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { formatRelative } from '../frame/times.ts';
import type { VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';

export interface CondemnOptions {
  readonly yes?: boolean;
  readonly reason?: string;
}

const consequences = {
  taint: { would: 'would be replaced', did: 'is replaced' },
  revoke: { would: 'would stop counting', did: 'stopped counting' },
} as const;

/** Taints or revokes an authority; without `--yes` says how far that would reach and changes nothing. */
export async function condemn(
  context: VerbContext,
  target: { readonly authorityId: string; readonly verdict: 'taint' | 'revoke' },
  options: CondemnOptions,
): Promise<ExitCode | undefined> {
  const { authorityId, verdict } = target;
  const dryRun = options.yes !== true;
  const answer = await connect(context).post<AuthorityVerdictJson>(`/authorities/${authorityId}/verdict`, {
    verdict,
    reason: options.reason ?? 'not given',
    dryRun,
  });
  if (context.out.isStructured) context.out.document(answer);
  else context.out.line(text(context, verdict, answer));
  if (dryRun) context.out.note('this was a dry run: add --yes to do it');
  return dryRun ? exitCodes.no : undefined;
}

function text(
  { io, style }: VerbContext,
  verdict: 'taint' | 'revoke',
  { applied, authority, signs, under, affected }: AuthorityVerdictJson,
): string {
  const consequence = consequences[verdict][applied ? 'did' : 'would'];
  const certificates = affected.reduce((sum, one) => sum + one.certificates, 0);
  const lines = [
    `${applied ? style.ok : style.warning} ${authority.role} ${authority.authorityId} ${applied ? 'is' : 'would be'} ${verdict === 'taint' ? 'tainted' : 'revoked'}`,
    `  ${signs ? 'it signs at this moment' : 'it signs no more'}${under.length > 1 ? `; ${under.length - 1} intermediate${under.length === 2 ? '' : 's'} under it` : ''}`,
  ];
  if (signs)
    lines.push(
      authority.role === 'intermediate'
        ? '  another intermediate takes over first'
        : verdict === 'taint'
          ? '  its successor signs as soon as the gates allow: castellan rotate status'
          : `  another has to sign first: castellan rotate now ${authority.role} --force REASON`,
    );
  lines.push(
    authority.role === 'jwt'
      ? `  every token that it signed ${consequence}`
      : `  ${certificates} living certificate${certificates === 1 ? '' : 's'} of ${affected.length} identit${affected.length === 1 ? 'y' : 'ies'} on record ${consequence}${affected.length > 0 ? ':' : ''}`,
    ...affected
      .slice(0, 20)
      .map(
        ({ spiffeId, until }) =>
          `    ${printable(spiffeId)}  the last ends ${formatRelative(Date.parse(until), io.now())}`,
      ),
  );
  if (affected.length > 20) lines.push(`    and ${affected.length - 20} more`);
  return lines.join('\n');
}
