import {
  absent,
  all,
  type Dimension,
  type Field,
  type IndexKey,
  noKeys,
  none,
  type Probe,
  some,
} from './clause.ts';
import { headerLines, listItems, type MatchContext, trimBlanks } from './context.ts';
import { hostForms } from './host.ts';
import { matchesPathTemplate, type PathTemplate, templatePrefix } from './path-template.ts';
import { textKeys } from './text-keys.ts';
import { compileTexts, foldAscii, readTextPattern, type TextMatcher } from './text-patterns.ts';

/** The fields of an HTTP request's head: method, authority, path, headers. */

const nothing: readonly string[] = [];

abstract class HttpField implements Field {
  abstract readonly input: string;
  get isHttp(): boolean {
    return true;
  }
  get isIdentity(): boolean {
    return false;
  }
  abstract probe(context: MatchContext): Probe;
  abstract read(context: MatchContext): readonly string[];
  get dimension(): Dimension | undefined {
    return undefined;
  }
  keys(): readonly IndexKey[] {
    return noKeys;
  }
}

export class MethodField extends HttpField {
  readonly #texts: TextMatcher;

  constructor(values: readonly string[]) {
    super();
    this.#texts = compileTexts(values);
  }
  get input(): string {
    return 'request.method';
  }
  probe({ http }: MatchContext): Probe {
    if (http === undefined) return absent;
    return this.#texts.matches(http.method) ? all : none;
  }
  read({ http }: MatchContext): readonly string[] {
    return http === undefined ? nothing : [http.method];
  }
  override get dimension(): Dimension | undefined {
    return this.#texts.any ? undefined : 'method';
  }
  override keys(): readonly IndexKey[] {
    return textKeys(this.#texts);
  }
}

/** `:authority`, case-insensitive. `*` is a header that is there. Strict mode sees past port and trailing dot (Z09). */
export class HostField extends HttpField {
  readonly #texts: TextMatcher;
  readonly #isStrict: boolean;

  constructor(values: readonly string[], isStrict: boolean) {
    super();
    this.#texts = compileTexts(values.map(foldAscii));
    this.#isStrict = isStrict;
  }
  get input(): string {
    return 'request.authority';
  }
  probe({ host }: MatchContext): Probe {
    if (host === undefined) return absent;
    if (this.#texts.any) return all;
    if (!this.#isStrict) return this.#texts.matches(host) ? all : none;
    return hostForms(host).some((form) => this.#texts.matches(form)) ? all : none;
  }
  read({ host }: MatchContext): readonly string[] {
    return host === undefined ? nothing : [host];
  }
  override get dimension(): Dimension | undefined {
    return this.#isStrict || this.#texts.any ? undefined : 'host';
  }
  override keys(): readonly IndexKey[] {
    return textKeys(this.#texts);
  }
}

/** The normalised path without its query; `*` is any path that is not empty. */
export class PathField extends HttpField {
  readonly #texts: TextMatcher | undefined;
  readonly #templates: readonly PathTemplate[];

  constructor(values: readonly string[], templates: readonly PathTemplate[]) {
    super();
    this.#texts = values.length === 0 ? undefined : compileTexts(values);
    this.#templates = templates;
  }
  get input(): string {
    return 'request.path';
  }
  probe({ http, path }: MatchContext): Probe {
    if (http === undefined) return absent;
    if (this.#texts?.matches(path)) return all;
    for (const template of this.#templates) if (matchesPathTemplate(template, path)) return all;
    return none;
  }
  read({ http, path }: MatchContext): readonly string[] {
    return http === undefined ? nothing : [path];
  }
  override get dimension(): Dimension | undefined {
    const isWide = this.#texts?.any || this.#templates.some((template) => templatePrefix(template) === '');
    return isWide ? undefined : 'path';
  }
  override keys(): readonly IndexKey[] {
    const texts = this.#texts === undefined ? noKeys : textKeys(this.#texts);
    if (this.#templates.length === 0) return texts;
    return [
      ...texts,
      ...this.#templates.map((template) => ({ kind: 'prefix' as const, text: templatePrefix(template) })),
    ];
  }
}

/**
 * `request.headers[Name]`: each line is a value of its own, any of which may match (CVE-2026-26308); `*` is a header that
 * is there. Strict mode reads one list over all lines and tells `some` from `all` (Z12).
 */
export class HeaderField extends HttpField {
  readonly input: string;
  readonly #name: string;
  readonly #texts: TextMatcher;
  readonly #isStrict: boolean;

  constructor(name: string, values: readonly string[], isStrict: boolean) {
    super();
    this.#name = foldAscii(name);
    this.input = `request.headers[${this.#name}]`;
    this.#texts = compileTexts(values);
    this.#isStrict = isStrict;
  }
  probe({ http }: MatchContext): Probe {
    const lines = http && headerLines(http, this.#name);
    if (lines === undefined || lines.length === 0) return absent;
    if (this.#texts.any) return all;
    if (this.#isStrict) return this.#probeList(lines);
    for (const line of lines) if (this.#texts.matches(trimBlanks(line))) return all;
    return none;
  }
  read({ http }: MatchContext): readonly string[] {
    return (http && headerLines(http, this.#name)) ?? nothing;
  }
  #probeList(lines: readonly string[]): Probe {
    const items = listItems(lines);
    const matching = items.filter((item) => this.#texts.matches(item)).length;
    if (matching === items.length) return all;
    // A value that has a comma itself, such as a date, can only be written exactly.
    const whole = items.join(',');
    if (
      this.#texts.values.some(
        (value) => readTextPattern(value).kind === 'exact' && listItems([value]).join(',') === whole,
      )
    )
      return all;
    return matching > 0 ? some : none;
  }
}
