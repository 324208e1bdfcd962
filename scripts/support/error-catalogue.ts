import { globSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ErrorCatalogue } from '../../src/base/errors.ts';
import { root } from '../steps.ts';

export interface CatalogueRow {
  readonly code: string;
  readonly kind: string;
  readonly message: string;
  readonly next: string;
  /** The file that owns it. */
  readonly room: string;
}

/** Every error of every room: whatever any module under src exports from `defineErrors`. */
export async function readErrorCatalogue(): Promise<readonly CatalogueRow[]> {
  const files = globSync('src/**/*errors.ts', { cwd: root }).sort();
  const rows: CatalogueRow[] = [];
  for (const file of files) {
    const module = (await import(pathToFileURL(join(root, file)).href)) as Record<string, unknown>;
    for (const value of Object.values(module)) {
      const catalogue = catalogueOf(value);
      if (catalogue === undefined) continue;
      for (const [code, spec] of Object.entries(catalogue)) rows.push({ code, ...spec, room: file });
    }
  }
  return rows.sort((a, b) => (a.code < b.code ? -1 : 1));
}

function catalogueOf(value: unknown): ErrorCatalogue | undefined {
  return typeof value === 'object' && value !== null && '$catalogue' in value
    ? (value.$catalogue as ErrorCatalogue)
    : undefined;
}
