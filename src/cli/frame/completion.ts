import type { Command, Option } from 'commander';
import type { Io } from './io.ts';
import { buildProgram, type Program } from './program.ts';
import { makeContext, readGlobals, type VerbEntry } from './verb.ts';

/** What could stand where the last word is being typed. Errors complete to nothing. */
export async function completeWords(
  verbs: readonly VerbEntry[],
  words: readonly string[],
  io: Io,
): Promise<readonly string[]> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const program = buildProgram(verbs, io, AbortSignal.timeout(2_000));
  try {
    const all = await candidatesFor(program, before, typed, io);
    return [...new Set(all)].filter((name) => name.startsWith(typed)).sort();
  } catch {
    return [];
  }
}

async function candidatesFor(
  program: Program,
  before: readonly string[],
  typed: string,
  io: Io,
): Promise<readonly string[]> {
  const { command, operands } = await descend(program, before);
  const flags = visibleFlags(command, program.command);
  const last = before.at(-1) ?? '';
  const previous = flags.find(({ short, long }) => last !== '' && (last === short || last === long));
  if (previous !== undefined && (previous.required || previous.optional)) return valuesOf(previous);
  if (typed.startsWith('-')) return flags.map((flag) => flag.long ?? flag.short ?? '');
  const names = command.commands.map((child) => child.name());
  if (operands.length > 0 && names.length > 0) return names;
  const list = program.candidates.get(command);
  if (list === undefined) return names;
  return [
    ...names,
    ...(await list(makeContext(io, readGlobals({}, io), AbortSignal.timeout(2_000)), operands)),
  ];
}

async function descend(
  program: Program,
  before: readonly string[],
): Promise<{ command: Command; operands: readonly string[] }> {
  let command = program.command;
  let operands: string[] = [];
  for (const word of before.filter((text) => !text.startsWith('-'))) {
    const child = command.commands.find((candidate) => candidate.name() === word);
    if (child === undefined) {
      operands.push(word);
      continue;
    }
    if (command === program.command) await program.load(word);
    command = child;
    operands = [];
  }
  return { command, operands };
}

function visibleFlags(command: Command, root: Command): Option[] {
  const own = command === root ? [] : command.options;
  return [...own, ...root.options].filter((flag) => !flag.hidden);
}

function valuesOf(flag: Option): readonly string[] {
  if (flag.argChoices !== undefined) return flag.argChoices;
  if (flag.long === '--output') return flag.description.split(', ');
  return flag.long === '--color' ? ['auto', 'always', 'never'] : [];
}

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

const bash = `# castellan completion for bash:  source <(castellan completion bash)
_castellan() {
  local IFS=$'\\n'
  COMPREPLY=($("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _castellan castellan
`;

const zsh = `#compdef castellan
# castellan completion for zsh:  source <(castellan completion zsh)
_castellan() {
  local -a found
  found=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${#found} )) && [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
compdef _castellan castellan
`;

const fish = `# castellan completion for fish:  castellan completion fish | source
complete -c castellan -a '(set -l words (commandline -opc); castellan __complete -- $words[2..-1] (commandline -ct) 2>/dev/null)'
`;

export const completionScripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
