import type { Io } from './io.ts';
import { displayWidth } from './width.ts';

/**
 * A label and its text, broken between words so that it stands beside the label. Only a terminal has a width worth
 * keeping: what is piped stays on one line.
 */
export function hang(io: Io, label: string, text: string): string {
  if (!io.stdoutIsTerminal) return `${label}${text}`.trimEnd();
  const indent = displayWidth(label);
  const room = Math.max(30, io.columns - indent);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return `${label}${lines.join(`\n${' '.repeat(indent)}`)}`.trimEnd();
}

export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
