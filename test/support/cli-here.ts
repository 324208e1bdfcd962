import { runCommandLine } from '../../src/cli/frame/program.ts';
import { verbs } from '../../src/cli/verbs/index.ts';
import { FakeIo } from '../fakes/io.ts';
import type { Castellan } from './castellan.ts';

/** The command line against a server of this process: the same code as the program. */
export async function cliAt(
  { server, stateDir }: Pick<Castellan, 'server' | 'stateDir'>,
  args: readonly string[],
  input = '',
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const env = { CASTELLAN_SERVER: server.endpoints.adminSocket };
  const io = new FakeIo({ cwd: stateDir, now: Date.now(), env, input });
  const code = await runCommandLine(verbs, [...args], io, new AbortController().signal);
  return { code, stdout: io.out, stderr: io.err };
}
