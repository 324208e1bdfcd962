import { cliErrors } from './errors.ts';
import type { Io } from './io.ts';
import { type Column, formatTable } from './table.ts';
import { printable } from './width.ts';
import { formatYaml } from './yaml-text.ts';

export const outputFormats = ['table', 'wide', 'json', 'yaml', 'name'] as const;
/** Formats that only some verbs have: those that declare them, and print them themselves. */
export type SpecialFormat = 'sarif' | 'junit';
export type OutputFormat = (typeof outputFormats)[number] | SpecialFormat;

/** The group of every document the CLI and the API print. */
export const apiVersion = 'castellan.dev/v1alpha1';

/** How one kind of thing is shown in each format. `toJson` is the documented shape. */
export interface View<T> {
  /** Singular: `Identity`. Lists are `IdentityList`. */
  readonly kind: string;
  readonly columns: readonly Column<T>[];
  readonly name: (item: T) => string;
  readonly toJson: (item: T) => object;
}

export interface OutputOptions {
  readonly format: OutputFormat;
  readonly headers: boolean;
  readonly quiet: boolean;
}

/** Data goes to standard output in the format asked for; everything else goes to standard error. */
export class Output {
  readonly #io: Io;
  readonly options: OutputOptions;

  constructor(io: Io, options: OutputOptions) {
    this.#io = io;
    this.options = options;
  }

  get format(): OutputFormat {
    return this.options.quiet && this.options.format === 'table' ? 'name' : this.options.format;
  }

  get isStructured(): boolean {
    return this.format === 'json' || this.format === 'yaml';
  }

  list<T>(view: View<T>, items: readonly T[], extra: Readonly<Record<string, unknown>> = {}): void {
    if (this.isStructured) {
      this.document({ apiVersion, kind: `${view.kind}List`, ...extra, items: items.map(view.toJson) });
      return;
    }
    if (this.format === 'name') {
      for (const item of items) this.line(printable(view.name(item)));
      return;
    }
    if (items.length === 0) {
      this.note(`no ${words(view.kind)} found`);
      return;
    }
    this.#io.stdout(
      formatTable(view.columns, items, {
        columns: this.#io.columns,
        headers: this.options.headers,
        wide: this.format === 'wide',
      }),
    );
  }

  /** One thing: structured formats and `name` as in a list, else the `text` for people. */
  item<T>(view: View<T>, item: T, text: string): void {
    if (this.isStructured) this.document({ apiVersion, kind: view.kind, ...view.toJson(item) });
    else if (this.format === 'name') this.line(printable(view.name(item)));
    else this.#io.stdout(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** A document in JSON or YAML (JSON unless YAML was asked for). */
  document(value: unknown): void {
    this.#io.stdout(
      this.format === 'yaml' ? formatYaml(value) : `${JSON.stringify(value, bigintAsText, 2)}\n`,
    );
  }

  line(text: string): void {
    this.#io.stdout(`${text}\n`);
  }

  /** For people, on standard error; silent with `--quiet`. */
  note(text: string): void {
    if (!this.options.quiet) this.#io.stderr(`${text}\n`);
  }
}

export function parseOutputFormat(text: string, special: readonly SpecialFormat[] = []): OutputFormat {
  const formats = [...outputFormats, ...special];
  const found = formats.find((format) => format === text);
  if (found === undefined)
    throw cliErrors.USAGE({
      message: `unknown output format \`${printable(text)}\`: use one of ${formats.join(', ')}`,
    });
  return found;
}

function words(kind: string): string {
  return kind.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
