import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { runCommandLine } from '../../src/cli/frame/program.ts';
import { verbs } from '../../src/cli/verbs/index.ts';
import { FakeIo } from '../fakes/io.ts';
import { run, scratchDirectory } from './cli-process.ts';

/** A directory with the examples, and `new` beside them: the bookshop with a gain and a loss. */
export function policyScene() {
  const scratch = scratchDirectory();
  const cwd = scratch.path;
  beforeAll(() => {
    cpSync(join(import.meta.dirname, '..', '..', 'examples'), join(cwd, 'examples'), { recursive: true });
    cpSync(join(cwd, 'examples/bookshop'), join(cwd, 'new'), { recursive: true });
    const shop = readFileSync(join(cwd, 'examples/bookshop/shop.yaml'), 'utf8');
    writeFileSync(
      join(cwd, 'new/shop.yaml'),
      shop
        .replace('methods: ["GET", "HEAD"]', 'methods: ["GET", "HEAD", "POST"]')
        .replace('back-office/editor', 'back-office/writer'),
    );
  });
  afterAll(() => scratch.remove());
  return {
    cwd,
    /** The program itself. */
    program: (args: string[], input?: string) =>
      run(args, { cwd, ...(input === undefined ? {} : { input }) }),
    /** The command line in this process: the same code as the program, without starting one each time. */
    cli: async (args: string[], more: { input?: string; terminal?: boolean; columns?: number } = {}) => {
      const env = { XDG_CONFIG_HOME: join(cwd, 'home'), LANG: 'C.UTF-8' };
      const io = new FakeIo({ cwd, ...more, env });
      const code = await runCommandLine(verbs, args, io, new AbortController().signal);
      return { code, stdout: io.out, stderr: io.err };
    },
  };
}
