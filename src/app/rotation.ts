import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Authority } from '../authority/index.ts';
import { hours, seconds } from '../base/duration.ts';
import type { AgentReports } from '../operations/agents/index.ts';
import { followRevocations, nearingEnd, recordRotation } from '../operations/rotation/index.ts';
import { formatCrlPem } from '../x509/index.ts';
import type { Environment } from './environment.ts';
import type { State } from './state.ts';

/** Many reports at once are one reason to look. */
const lookAfter = seconds(1);

/** Joins the rotation of keys with the records, the reports of agents, the audit log and the deny list. */
export async function followRotation(
  state: State,
  { environment, reports }: { readonly environment: Environment; readonly reports: AgentReports },
  stack: AsyncDisposableStack,
): Promise<void> {
  const { authority, store, rotationWatch, paths } = state;
  const { clock, random, logger } = environment;
  const scoped = logger.scoped('ca');
  stack.use(recordRotation({ authority, audit: store.audit, clock, random, logger: scoped }));
  rotationWatch.follow(reports);
  stack.use(lookWhenReported(authority, reports, environment));
  stack.use(lookWhenReported(authority, state.bundleReaders, environment));
  stack.use(sayWhatEnds(authority, environment));
  stack.use(writeListsOf(authority, join(paths.directory, 'revocation-lists.pem'), environment));
  stack.use(
    await followRevocations({
      authority,
      revocations: store.revocations,
      issuances: store.issuances,
      clock,
      logger: scoped,
    }),
  );
}

/** A line for every layer that nears its end: at the start and every hour, an error when it has ended. */
function sayWhatEnds(authority: Authority, { clock, logger }: Environment): Disposable {
  const scoped = logger.scoped('ca');
  let timer: Disposable;
  const look = () => {
    for (const { code, message, role, authorityId, notAfter } of nearingEnd(authority, clock.now()))
      scoped[code === 'AUTHORITY_ENDED' ? 'error' : 'warn'](message, {
        code,
        role,
        authorityId,
        notAfter: new Date(notAfter).toISOString(),
      });
    timer = clock.schedule(hours(1), look);
  };
  look();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

function lookWhenReported(
  authority: Authority,
  reports: { watch(listener: () => void): Disposable },
  { clock }: Environment,
): Disposable {
  let timer: Disposable | undefined;
  const watch = reports.watch(() => {
    timer ??= clock.schedule(lookAfter, () => {
      timer = undefined;
      void authority.checkNow();
    });
  });
  return {
    [Symbol.dispose]() {
      watch[Symbol.dispose]();
      timer?.[Symbol.dispose]();
    },
  };
}

/** The lists as a file beside the database, for verifiers that read files; replaced atomically. */
function writeListsOf(authority: Authority, file: string, { logger }: Environment): Disposable {
  const write = () => {
    const lists = authority.revocationLists();
    if (lists.length === 0) return;
    try {
      writeFileSync(`${file}.new`, lists.map(({ crl }) => formatCrlPem(crl.der)).join(''), { mode: 0o644 });
      renameSync(`${file}.new`, file);
    } catch (error) {
      logger.error('the file with revocation lists could not be written', { error: String(error) });
    }
  };
  write();
  return authority.onCrlChange(write);
}
