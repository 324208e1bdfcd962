import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DemoState, demoFlags, demonstrateRotation } from '../../app/demo/rotation-demo.ts';
import { systemEnvironment } from '../../app/environment.ts';
import { startUp } from '../../app/up.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { readSettings } from '../frame/settings-flags.ts';
import { openLogger, starting } from '../frame/start.ts';
import type { VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';

const phases: Readonly<Record<DemoState['phase'], string>> = {
  idle: 'one root',
  prepared: 'next root made',
  published: 'both roots published, the old one signs',
  activated: 'the new root signs, the old one is still believed',
};

const freePorts = ['csrPort', 'adminPort', 'observabilityPort', 'extAuthzPort', 'extAuthzHttpPort'];

/** A server of its own with short lifetimes in a directory that is gone afterwards; exit code 1 if a request failed. */
export async function demoRotation(
  context: VerbContext,
  options: Readonly<Record<string, unknown>>,
): Promise<ExitCode | undefined> {
  const { io, out, style, signal } = context;
  const directory = mkdtempSync(join(tmpdir(), 'castellan-demo-'));
  const ports = Object.fromEntries(freePorts.map((name) => [name, '0']));
  const loaded = readSettings(io, { ...ports, ...demoFlags, ...options, stateDir: join(directory, 'state') });
  const logger = openLogger(context, loaded);
  const environment = systemEnvironment(logger);
  try {
    await using server = await starting(() => startUp({ loaded, environment }));
    out.line('two workloads call each other over mutual TLS while their root is replaced');
    const startedAt = io.now();
    let last: DemoState | undefined;
    for await (const state of demonstrateRotation(server, environment, signal)) {
      const line = lineOf(state, io.now() - startedAt);
      if (io.stdoutIsTerminal) io.stdout(`\r\u001b[2K${line}`);
      if (state.phase !== last?.phase || state.failures.length !== last.failures.length || state.isDone)
        io.stdout(io.stdoutIsTerminal ? '\n' : `${line}\n`);
      last = state;
    }
    const failures = last?.failures ?? [];
    for (const failure of failures.slice(0, 10)) out.line(`  ${style.bad} ${printable(failure)}`);
    out.line(
      failures.length === 0
        ? `${style.ok} the root was replaced; ${last?.requests ?? 0} requests, 0 failed`
        : `${style.bad} ${failures.length} of ${last?.requests ?? 0} requests failed`,
    );
    return failures.length === 0 ? undefined : exitCodes.no;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    logger.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function lineOf({ phase, requests, failures, isDone }: DemoState, elapsed: number): string {
  const what = isDone ? 'the old root is gone' : phases[phase];
  return `${String(Math.round(elapsed / 1000)).padStart(4)}s  ${what.padEnd(50)} requests ${requests}  failed ${failures.length}`;
}
