import type { Io } from '../../src/cli/frame/io.ts';

/** A terminal that keeps what was printed. */
export class FakeIo implements Io {
  out = '';
  err = '';
  readonly env: Record<string, string | undefined>;
  readonly cwd: string;
  readonly columns: number;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  readonly #input: string;
  readonly #now: number;

  constructor(
    options: {
      env?: Record<string, string>;
      cwd?: string;
      columns?: number;
      terminal?: boolean;
      input?: string;
      now?: number;
    } = {},
  ) {
    this.env = options.env ?? {};
    this.cwd = options.cwd ?? '/nowhere';
    this.columns = options.columns ?? 80;
    this.stdoutIsTerminal = options.terminal ?? false;
    this.stderrIsTerminal = options.terminal ?? false;
    this.#input = options.input ?? '';
    this.#now = options.now ?? Date.parse('2026-01-01T00:00:00Z');
  }

  readonly stdout = (text: string): void => {
    this.out += text;
  };

  readonly stderr = (text: string): void => {
    this.err += text;
  };

  readonly readStdin = async (): Promise<Uint8Array> => new TextEncoder().encode(this.#input);

  readonly now = (): number => this.#now;
}
