import { describe, expect, it } from 'vitest';
import { FakeIo } from '../../../test/fakes/io.ts';
import { defineErrors } from '../../base/errors.ts';
import { verbs as allVerbs } from '../verbs/index.ts';
import { completeWords } from './completion.ts';
import { exitCodes } from './exit-codes.ts';
import { buildProgram, runCommandLine } from './program.ts';
import type { Handler, VerbEntry } from './verb.ts';

const errors = defineErrors({
  TEA_MISSING: { kind: 'unavailable', message: 'there is no tea', next: 'castellan help' },
});

function verbOf(name: string, handler: Handler<{ cups?: string }>): VerbEntry {
  return {
    name,
    summary: `does ${name}`,
    group: 'More',
    load: async () => ({
      configure: (command, frame) => {
        command.argument('[what...]').option('--cups <n>', 'how many').action(frame.action(handler));
        frame.complete(command, async () => ['green', 'black']);
      },
    }),
  };
}

const sample: readonly VerbEntry[] = [
  verbOf('brew', ({ out }, args, options) => {
    out.document({ args, cups: options.cups });
    return undefined;
  }),
  verbOf('refuse', () => exitCodes.no),
  verbOf('fail', () => {
    throw errors.TEA_MISSING({ cause: new Error('the shop is closed') });
  }),
  verbOf('crash', () => {
    throw new TypeError('boiled \u001b[31mover');
  }),
];

async function run(argv: string[], options: ConstructorParameters<typeof FakeIo>[0] = {}) {
  const io = new FakeIo(options);
  const code = await runCommandLine(sample, argv, io, new AbortController().signal);
  return { code, out: io.out, err: io.err };
}

describe('the command line', () => {
  it('prints data on standard output only, and global flags may follow the verb', async () => {
    const { code, out, err } = await run(['brew', 'green', '--cups', '2', '-o', 'yaml']);
    expect([code, out, err]).toEqual([0, 'args:\n  - green\ncups: "2"\n', '']);
  });

  it('exits 1 when the answer is no', async () => {
    expect((await run(['refuse'])).code).toBe(1);
  });

  it('says what broke, why and what to do next, with the code and the exit code of its kind', async () => {
    const { code, out, err } = await run(['fail']);
    expect([code, out]).toEqual([69, '']);
    expect(err).toBe(
      'error: there is no tea (TEA_MISSING)\n  why   the shop is closed\n  next  castellan help\n',
    );
  });

  it('shows a stack only with --debug, and never obeys control characters (adv:O06 adv:O18)', async () => {
    const quiet = await run(['crash']);
    expect([quiet.code, quiet.err.includes('frame.test.ts')]).toEqual([70, false]);
    expect(quiet.err).not.toContain('\u001b');
    expect((await run(['crash', '--debug'])).err).toContain('frame.test.ts');
  });

  it.each([
    [['brw'], 'did you mean brew?'],
    [['brew', '--cps', '1'], 'did you mean --cups?'],
    [['brew', '-o', 'jsn'], 'table, wide, json, yaml, name'],
    [['brew', '--color', 'pink'], 'auto, always or never'],
    [[], 'Usage: castellan'],
  ])('%j is a usage error with exit code 64', async (argv, hint) => {
    const { code, out, err } = await run(argv);
    expect([code, out]).toEqual([64, '']);
    expect(err).toContain(hint);
  });

  it.each([
    ['--token', 'x'],
    ['--token=x'],
    ['--key-passphrase', 'x'],
    ['--database-password=x'],
    ['castellan_join_abcdef'],
    ['--server=https://me:pw@ca.example:15080'],
  ])('refuses a secret in the argument list before doing anything: %j (adv:O16)', async (...words) => {
    const { code, out, err } = await run(['brew', ...words]);
    expect([code, out]).toEqual([64, '']);
    expect(err).toContain('SECRET_ON_COMMAND_LINE');
    expect(err).not.toContain('pw@');
  });

  it('asks for help on standard output with exit code 0', async () => {
    const { code, out } = await run(['help', 'brew']);
    expect(code).toBe(0);
    expect(out).toContain('--cups <n>');
  });

  it('tells its own version by the flag that people try first', async () => {
    const io = new FakeIo();
    expect(await runCommandLine(allVerbs, ['--version'], io, new AbortController().signal)).toBe(0);
    expect(io.out).toMatch(/^castellan \d+\.\d+\.\d+ \(node /);
  });

  it('prints plain ASCII where colour and symbols are not wanted', async () => {
    const env = { NO_COLOR: '1', LANG: 'en_US.UTF-8' };
    const { err } = await run(['fail'], { env, terminal: true });
    expect(err).toMatch(/^[\x20-\x7e\n]*$/);
    expect((await run(['fail'], { terminal: true })).err).toContain('\u001b[31m');
    expect((await run(['fail', '--color', 'always'])).err).toContain('\u001b[31m');
  });
});

describe('completion', () => {
  it.each([
    [['br'], ['brew']],
    [['brew', 'gr'], ['green']],
    [['brew', '--cu'], ['--cups']],
    [['brew', '-o', 'y'], ['yaml']],
    [['nonsense', 'x'], []],
  ])('%j completes to %j', async (words, expected) => {
    expect(await completeWords(sample, words, new FakeIo())).toEqual(expected);
  });
});

describe('every verb of castellan', () => {
  it('has a flag for no secret value (adv:O16)', async () => {
    const program = buildProgram(allVerbs, new FakeIo(), new AbortController().signal);
    for (const { name } of allVerbs) {
      const command = await program.load(name);
      const flags = [command, ...(command?.commands ?? [])].flatMap((one) => one?.options ?? []);
      for (const flag of flags.filter(({ required, optional }) => required || optional))
        expect(flag.long, name).not.toMatch(/(token|password|passphrase|secret|private-key)$/);
    }
  });
});
