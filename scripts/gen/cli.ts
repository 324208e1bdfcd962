/** docs/reference/cli.md: every verb, from the declarations that parse it. */
import type { Command } from 'commander';
import { exitCodes } from '../../src/cli/frame/exit-codes.ts';
import type { Io } from '../../src/cli/frame/io.ts';
import { buildProgram } from '../../src/cli/frame/program.ts';
import { verbs } from '../../src/cli/verbs/index.ts';
import { mono, table, writeReference } from '../support/markdown.ts';

const io: Io = {
  stdout: () => undefined,
  stderr: () => undefined,
  readStdin: async () => new Uint8Array(),
  env: {},
  cwd: '/',
  stdoutIsTerminal: false,
  stderrIsTerminal: false,
  columns: 100,
  now: () => 0,
};
const program = buildProgram(verbs, io, new AbortController().signal);
const flagRows = (command: Command) =>
  command.options.filter(({ hidden }) => !hidden).map(({ flags, description }) => [mono(flags), description]);

function section(command: Command, path: string): string {
  const usage = `castellan ${path} ${command.usage()}`.replace('[options]', '[flags]').trim();
  const rows = flagRows(command);
  const args = command.registeredArguments.map((one) => [mono(one.name()), one.description]);
  return [
    `## ${path}`,
    command.description(),
    `\`\`\`\n${usage}\n\`\`\``,
    args.length === 0 ? '' : table(['argument', ''], args),
    rows.length === 0 ? '' : table(['flag', ''], rows),
    ...command.commands.map((child) => section(child, `${path} ${child.name()}`)),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

const sections: string[] = [];
for (const { name } of verbs) {
  const command = await program.load(name);
  if (command !== undefined) sections.push(section(command, name));
}
const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'yes, clean, done',
  no: 'the answer is no: refused, findings, not found, changed meanwhile, not ready',
  usage: 'the command line cannot mean anything',
  badInput: 'the input cannot be read or is invalid',
  unreachable: 'the server is not there',
  bug: 'castellan broke',
  tryAgain: 'too slow or too much at once: try again',
  notPermitted: 'not permitted',
  badConfiguration: 'the configuration or the state directory is wrong',
};

writeReference(
  'cli.md',
  `# Command line

Data goes to standard output, everything else to standard error. Tables fit the width of the terminal by leaving columns out; \`-o wide\` has them all.

${table(['flag of every verb', ''], flagRows(program.command))}
## Exit codes

${table(
  ['code', 'meaning'],
  Object.entries(exitCodes).map(([name, code]) => [String(code), meanings[name as keyof typeof exitCodes]]),
)}
How the command finds the server: \`--server\`, \`CASTELLAN_SERVER\`, the current context (\`contexts.json\` in the user's configuration directory under \`castellan/\`), \`CASTELLAN_STATE_DIR\`, \`./.castellan\`, \`/run/castellan\`. A socket is used only when it belongs to you, to root, or to the owner of \`/run/castellan\`. Over https the operator's token comes from the file in \`CASTELLAN_TOKEN_FILE\` and the roots from \`CASTELLAN_CA_FILE\`.

${sections.join('\n\n')}
`.replace(/\n{3,}/g, '\n\n'),
);
