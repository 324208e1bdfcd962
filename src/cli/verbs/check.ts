import type { AdminClient } from '../client/admin-client.ts';
import { connect } from '../client/connect.ts';
import type { IdentityJson, ListAnswer, RootJson, RotationJson, StatusJson } from '../client/types.ts';
import { secondsOf } from '../frame/arguments.ts';
import { exitCodes } from '../frame/exit-codes.ts';
import { apiVersion } from '../frame/output.ts';
import { formatRelative } from '../frame/times.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';
import type { CheckLine } from './check-line.ts';
import { judgeRotation } from './check-rotation.ts';

interface Options {
  readonly expiringWithin?: string;
  readonly acceptClock?: boolean;
  readonly failOn?: string;
  readonly wait?: boolean;
  readonly timeout?: string;
}

const skewLimitMs = 5_000;
/** Share of its life below which an authority certificate that nobody renews is worth a warning. */
const warnShare = 0.2;

export function judgeStatus(status: StatusJson, now: number): readonly CheckLine[] {
  const skew = Date.parse(status.serverTime) - now;
  const checks = status.checks.map(
    ({ name, ok, reason }): CheckLine => ({
      category: 'server',
      what: ok ? `${name} is well` : `${name}: ${reason ?? 'not well'}`,
      level: ok ? 'ok' : 'error',
      ...(ok
        ? {}
        : { code: 'NOT_READY', hint: 'look into the server log; castellan explain has refused requests' }),
    }),
  );
  const clock: CheckLine =
    Math.abs(skew) <= skewLimitMs
      ? { category: 'clock', what: 'this clock and the server agree', level: 'ok' }
      : {
          category: 'clock',
          what: `this clock and the server are ${Math.round(Math.abs(skew) / 1000)} s apart`,
          level: 'warning',
          code: 'CLOCK_SKEW',
          hint: 'synchronise the clocks of both machines',
        };
  const notices = status.notices.map(
    ({ code, message, next }): CheckLine => ({
      category: 'authority',
      what: message,
      level: 'warning',
      code,
      hint: next,
    }),
  );
  return [...checks, clock, ...notices];
}

/** Thresholds relative to the lifetime, so that short certificates do not nag; one that renews itself never does. */
export function judgeRoots(
  roots: readonly RootJson[],
  now: number,
  withinSeconds?: number,
): readonly CheckLine[] {
  return roots
    .filter(({ state }) => state === 'active')
    .map((root): CheckLine => {
      const [from, until] = [Date.parse(root.notBefore), Date.parse(root.notAfter)];
      const name = `${root.role} ${root.fingerprint.slice(0, 8)} ends ${formatRelative(until, now)}`;
      const isDue = withinSeconds !== undefined && until - now <= withinSeconds * 1000;
      if (now > until || isDue)
        return {
          category: 'authority',
          what: name,
          level: 'error',
          code: 'AUTHORITY_EXPIRES',
          hint:
            root.renewsAt === undefined
              ? 'see who its successor waits for: castellan rotate plan root; a plugged-in one: docs/how-to/plug-in-a-ca.md'
              : 'it renews itself; look into the server log for why it has not',
        };
      const isLow = root.renewsAt === undefined && until - now < (until - from) * warnShare;
      return isLow
        ? {
            category: 'authority',
            what: name,
            level: 'warning',
            code: 'AUTHORITY_EXPIRES',
            hint: 'plan its replacement: castellan rotate plan root; a plugged-in one: docs/how-to/plug-in-a-ca.md',
          }
        : { category: 'authority', what: name, level: 'ok' };
    });
}

async function judgeIdentities(client: AdminClient, within: string): Promise<readonly CheckLine[]> {
  const query = { expiringWithin: within, limit: '1000' };
  const { items } = await client.get<ListAnswer<IdentityJson>>('/identities', query);
  // A record that has a newer one for its identity was renewed: its end means nothing.
  const { items: newest } = await client.get<ListAnswer<IdentityJson>>('/identities', { limit: '1000' });
  const latest = new Map<string, number>();
  for (const { spiffeId, notAfter } of newest)
    latest.set(spiffeId, Math.max(latest.get(spiffeId) ?? 0, Date.parse(notAfter)));
  const due = items.filter(({ spiffeId, notAfter }) => (latest.get(spiffeId) ?? 0) <= Date.parse(notAfter));
  if (due.length === 0)
    return [{ category: 'identities', what: `none ends within ${within} without a successor`, level: 'ok' }];
  return due.slice(0, 20).map(({ spiffeId, notAfter }) => ({
    category: 'identities',
    what: `${spiffeId} ends ${notAfter}`,
    level: 'error',
    code: 'IDENTITY_EXPIRES',
    hint: 'renew it, or see why its workload does not: castellan get identities --expiring-within ' + within,
  }));
}

async function collect(context: VerbContext, options: Options): Promise<readonly CheckLine[]> {
  const client = connect(context);
  const status = await client.get<StatusJson>('/status');
  const now = context.io.now();
  const { items: roots } = await client.get<ListAnswer<RootJson>>('/roots');
  const within = options.expiringWithin;
  const seconds = within === undefined ? undefined : secondsOf('--expiring-within', within);
  return [
    { category: 'server', what: `answers at ${client.name}`, level: 'ok' },
    ...judgeStatus(status, now),
    ...judgeRoots(roots, now, seconds),
    ...judgeRotation(await client.get<RotationJson>('/rotation'), now, seconds),
    ...(within === undefined ? [] : await judgeIdentities(client, within)),
  ];
}

function print(context: VerbContext, lines: readonly CheckLine[]): void {
  const { out, style } = context;
  const [errors, warnings] = [count(lines, 'error'), count(lines, 'warning')];
  if (out.isStructured) {
    out.document({ apiVersion, kind: 'CheckReport', ok: errors === 0, errors, warnings, items: lines });
    return;
  }
  let category = '';
  for (const line of lines) {
    if (line.category !== category) out.line(style.bold(line.category));
    category = line.category;
    const mark = { ok: style.ok, warning: style.warning, error: style.bad }[line.level];
    out.line(`  ${mark} ${printable(line.what)}${line.code === undefined ? '' : ` (${line.code})`}`);
    if (line.hint !== undefined) out.line(`      ${printable(line.hint)}`);
  }
  const verdict = errors > 0 ? 'something is wrong' : warnings > 0 ? 'nothing is on fire' : 'all is well';
  out.line(`${lines.length} checks, ${errors} errors, ${warnings} warnings: ${verdict}`);
}

function count(lines: readonly CheckLine[], level: CheckLine['level']): number {
  return lines.filter((line) => line.level === level).length;
}

export const check: Verb = {
  configure: (command, frame) => {
    command
      .option('--expiring-within <duration>', 'fail when an authority or identity ends within this time')
      .option('--fail-on <level>', 'error or warning', 'error')
      .option('--accept-clock', 'confirm that the clock of the server is right although it jumped')
      .addHelpText('after', '\nExit code 1: a check failed.')
      .action(
        frame.action<Options>(async (context, _args, options) => {
          if (options.acceptClock === true) {
            await connect(context).post('/clock/accept');
            context.out.note('the clock is accepted');
          }
          const lines = await collect(context, options);
          print(context, lines);
          const fails =
            count(lines, 'error') > 0 || (options.failOn === 'warning' && count(lines, 'warning') > 0);
          return fails ? exitCodes.no : undefined;
        }),
      );
  },
};
