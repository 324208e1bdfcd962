import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { root } from '../steps.ts';

const entry = z.union([
  z.string().min(8),
  z.strictObject({ case: z.string().min(8), reason: z.string().min(8) }),
]);
const catalogueSchema = z.record(
  z.string().regex(/^[a-z]+$/),
  z.strictObject({ title: z.string(), cases: z.record(z.string().regex(/^[A-Za-z0-9./-]+$/), entry) }),
);

export interface ConformanceCase {
  readonly id: string;
  readonly source: string;
  readonly sourceTitle: string;
  readonly text: string;
  readonly reason?: string;
}

/** test/conformance/catalogue.yaml, in its order. */
export function readCatalogue(): readonly ConformanceCase[] {
  const text = readFileSync(join(root, 'test', 'conformance', 'catalogue.yaml'), 'utf8');
  const catalogue = catalogueSchema.parse(parse(text));
  return Object.entries(catalogue).flatMap(([source, { title, cases }]) =>
    Object.entries(cases).map(([name, value]) => ({
      id: `${source}:${name}`,
      source,
      sourceTitle: title,
      ...(typeof value === 'string' ? { text: value } : { text: value.case, reason: value.reason }),
    })),
  );
}

/** The ids in a test's full name: those in parentheses that begin with a source, `(csr:S7 adv:C26)`. */
export function idsIn(title: string, sources: ReadonlySet<string>): readonly string[] {
  return [...title.matchAll(/\(([^()]*)\)/g)].flatMap(([, inside = '']) =>
    inside
      .split(/[\s,;]+/)
      .filter(
        (word) =>
          /^[a-z]+:[A-Za-z0-9][A-Za-z0-9./-]*$/.test(word) && sources.has(word.slice(0, word.indexOf(':'))),
      ),
  );
}

export interface RanTest {
  readonly title: string;
  /** Relative to the project. */
  readonly file: string;
  readonly status: 'passed' | 'failed' | 'skipped';
}

export interface ConformanceReport {
  /** Ids without a passing test and without a reason. */
  readonly open: readonly string[];
  /** Ids in titles that the catalogue does not know, with one file each. */
  readonly unknown: readonly { readonly id: string; readonly file: string }[];
  readonly held: ReadonlyMap<string, readonly RanTest[]>;
}

export function judgeConformance(
  catalogue: readonly ConformanceCase[],
  tests: readonly RanTest[],
): ConformanceReport {
  const sources = new Set(catalogue.map(({ source }) => source));
  const known = new Set(catalogue.map(({ id }) => id));
  // A title may cite a whole section whose rows the catalogue lists: `policy:2.4` for `policy:2.4/1` and on.
  for (const { id } of catalogue) if (id.includes('/')) known.add(id.slice(0, id.lastIndexOf('/')));
  const held = new Map<string, RanTest[]>();
  for (const test of tests)
    for (const id of idsIn(test.title, sources)) held.set(id, [...(held.get(id) ?? []), test]);
  const isHeld = (id: string) => {
    const found = held.get(id) ?? [];
    return (
      found.some(({ status }) => status === 'passed') && found.every(({ status }) => status !== 'failed')
    );
  };
  return {
    open: catalogue.filter(({ id, reason }) => reason === undefined && !isHeld(id)).map(({ id }) => id),
    unknown: [...held]
      .filter(([id]) => !known.has(id))
      .map(([id, found]) => ({ id, file: found[0]?.file ?? '' }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    held,
  };
}
